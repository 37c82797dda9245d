-- c
-- migrate:up lock_timeout:5s statement_timeout:10min
SELECT 'a''b;', E'\';', "q;""", $$;$$, $t$ $$;$$ $t$, U&'\0041' /* ; /* nested ; */ */ ; -- end;
SELECT 1
-- migrate:down irreversible:true
