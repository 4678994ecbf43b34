-- Functions that a release had and this one has not, or whose arguments or answer changed: `create or replace` can't
-- do that. Runs before the rest of the folder. One line each: drop function if exists name(types).
drop function if exists book_after(text, jsonb, int);
