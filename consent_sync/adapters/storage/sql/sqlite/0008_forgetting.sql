-- How many people are known by a hash alone, so that nobody looks for them where there are none. An
-- older program would not give them their names back, so none works with this.
INSERT OR IGNORE INTO tally (name, value) VALUES ('faded', 0);
