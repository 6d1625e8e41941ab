-- Nothing changes here: from this version on small objects are rows of a database of their own (objects/small.sqlite), which
-- an earlier server would not see. It refuses a store with a newer schema.
SELECT 1;
