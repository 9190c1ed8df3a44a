-- Of whom something was given up: dead letters are listed without reading everybody.
CREATE INDEX person_failed ON person (id) WHERE failed > 0;
