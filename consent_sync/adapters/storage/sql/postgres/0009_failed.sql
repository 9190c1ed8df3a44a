-- works with: 4

-- Of whom something was given up: dead letters are listed without reading everybody.
CREATE INDEX person_failed ON consent_sync.person (id) WHERE failed > 0;
