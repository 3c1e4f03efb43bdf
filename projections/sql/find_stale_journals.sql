-- Look at one page of journals for stale ones; a row per stale journal and, last, the last journal looked at.
-- $1 after (journal_id, exclusive)  $2 how many to look at
WITH page AS MATERIALIZED (
    SELECT journal_id FROM journals WHERE journal_id > $1 ORDER BY journal_id LIMIT $2
)
SELECT h.journal_id, true AS stale FROM page JOIN heads h USING (journal_id) WHERE h.stale
UNION ALL
(SELECT journal_id, false FROM page ORDER BY journal_id DESC LIMIT 1)
