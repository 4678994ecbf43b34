-- Functions that are gone, or whose arguments or answer changed: `create or replace` can't do that. Run before the rest of the folder.
drop function if exists balance_json(ledgers, timestamptz);
drop function if exists notice_after(timestamptz, timestamptz);
