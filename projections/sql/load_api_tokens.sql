-- The rows of some API tokens.
-- $1 journal_ids  $2 token_ids
SELECT t.journal_id, t.token_id, t.name, t.scopes, t.books, t.created_at, t.expires_at, t.last_used_on, t.revoked
FROM unnest($1::uuid[], $2::uuid[]) AS k (journal_id, token_id) JOIN api_tokens t USING (journal_id, token_id)
