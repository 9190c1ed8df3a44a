-- The count of persons is of people only: the key of a stand-in for somebody who has to be found
-- starts with a zero byte, which sorts before every other text.
UPDATE tally SET value = (SELECT count(*) FROM person WHERE person >= char(1))
WHERE name = 'persons';
