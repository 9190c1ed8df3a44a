-- How urgent an item is: 0 opt-out, 1 opt-in, 2 the rest. What waited before this counts as opt-out.
ALTER TABLE item ADD COLUMN urgency INTEGER NOT NULL DEFAULT 0;

-- Only opt-outs are looked for on their own, so that nothing else costs anything.
CREATE INDEX item_optout ON item (id) WHERE urgency = 0;
