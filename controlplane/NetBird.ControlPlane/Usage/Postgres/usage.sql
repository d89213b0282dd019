-- The usage ledger and the counters of limits, shared by every node. Run at each start; changes nothing that is there.
-- All times are ticks of 100 ns since year 1, UTC, as the rows carry them. Amounts are tokens or nano-USD.

create table if not exists usage_nodes (
    node text primary key,
    seen bigint not null,
    sequence bigint not null default 0
);

create table if not exists usage_meta (
    name text primary key,
    value bigint not null
);

create table if not exists usage_rows (
    id text primary key,
    begun bigint not null,
    ended bigint not null,
    user_id text,
    user_name text not null,
    peer_id text,
    group_ids text[] not null,
    charged_group text,
    policy_id text,
    provider_id text,
    kind smallint not null,
    model text not null,
    session_id text,
    agent_id text,
    deny_reason smallint,
    deny_text text,
    status_code int not null,
    first_byte bigint,
    stream boolean not null,
    input bigint not null,
    output bigint not null,
    cache_read bigint not null,
    cache_write_5m bigint not null,
    cache_write_1h bigint not null,
    web_searches int not null,
    code_executions int not null,
    tier smallint not null,
    fast boolean not null,
    in_us boolean not null,
    cost bigint not null,
    price_unknown boolean not null,
    completeness smallint not null,
    provider_request_id text,
    request_bytes bigint not null,
    response_bytes bigint not null
);
alter table usage_rows add column if not exists key_id text;
create index if not exists usage_rows_begun on usage_rows (begun desc, id);
create index if not exists usage_rows_user on usage_rows (user_id, begun desc);
create index if not exists usage_rows_refused on usage_rows (begun desc, id) where deny_reason is not null;
create index if not exists usage_rows_session on usage_rows (session_id, begun desc) where session_id is not null;

create table if not exists usage_hours (
    hour bigint not null,
    user_id text not null,
    charged_group text not null,
    groups text not null,
    policy_id text not null,
    provider_id text not null,
    model text not null,
    denied boolean not null,
    requests bigint not null,
    interrupted bigint not null,
    price_unknown bigint not null,
    input bigint not null,
    output bigint not null,
    cache_read bigint not null,
    cache_write_5m bigint not null,
    cache_write_1h bigint not null,
    web_searches bigint not null,
    cost bigint not null,
    primary key (hour, user_id, charged_group, groups, policy_id, provider_id, model, denied)
);
create index if not exists usage_hours_user on usage_hours (user_id, hour);

-- What overviews read: sums by one dimension (1 user, 2 charged group, 3 model, 4 provider, as OverviewKey) and period: hours, days (UTC) and,
-- so that a year of thousands of people is some dozen sums of each, 7 and 28 days. Span is a period's hours; its start is its number, counted
-- from year 1. Kept with the rows, in the same transaction.
create table if not exists usage_rollups (
    dimension smallint not null,
    span smallint not null,
    start bigint not null,
    key text not null,
    requests bigint not null,
    denied bigint not null,
    interrupted bigint not null,
    price_unknown bigint not null,
    input bigint not null,
    output bigint not null,
    cache_read bigint not null,
    cache_write_5m bigint not null,
    cache_write_1h bigint not null,
    web_searches bigint not null,
    cost bigint not null,
    primary key (dimension, span, start, key)
);

-- A database from before failed requests were counted: once, from the rows that are kept.
do $$ begin
    if exists (select 1 from pg_attribute where attrelid = 'usage_rollups'::regclass and attname = 'failed') then
        return;
    end if;

    alter table usage_hours add column failed bigint not null default 0;
    alter table usage_rollups add column failed bigint not null default 0;
    update usage_hours h set failed = r.failed from (
        select begun / 36000000000 as hour, coalesce(user_id, '') as user_id, coalesce(charged_group, '') as charged_group,
            array_to_string(group_ids, ' ') as groups, coalesce(policy_id, '') as policy_id, coalesce(provider_id, '') as provider_id, model, count(*) as failed
        from usage_rows where deny_reason is null and (status_code = 0 or status_code >= 400) group by 1, 2, 3, 4, 5, 6, 7) r
    where (h.hour, h.user_id, h.charged_group, h.groups, h.policy_id, h.provider_id, h.model, h.denied)
        = (r.hour, r.user_id, r.charged_group, r.groups, r.policy_id, r.provider_id, r.model, false);
    update usage_rollups r set failed = s.failed from (
        select d.dimension, s.span, h.hour / s.span as start, d.key, sum(h.failed) as failed
        from usage_hours h
        cross join lateral (values (1::smallint, user_id), (2::smallint, charged_group), (3::smallint, model), (4::smallint, provider_id)) d (dimension, key)
        cross join (values (1::smallint), (24::smallint), (168::smallint), (672::smallint)) s (span)
        where h.failed > 0 group by 1, 2, 3, 4) s
    where (r.dimension, r.span, r.start, r.key) = (s.dimension, s.span, s.start, s.key);
end $$;

-- A database from before parts were told from requests: once, from the rows that are kept. An interrupted part was an interrupted request.
do $$ begin
    if exists (select 1 from pg_attribute where attrelid = 'usage_rollups'::regclass and attname = 'parts') then
        return;
    end if;

    alter table usage_hours add column parts bigint not null default 0;
    alter table usage_rollups add column parts bigint not null default 0;
    create temp table usage_parts on commit drop as
        select begun / 36000000000 as hour, coalesce(user_id, '') as user_id, coalesce(charged_group, '') as charged_group,
            array_to_string(group_ids, ' ') as groups, coalesce(policy_id, '') as policy_id, coalesce(provider_id, '') as provider_id, model,
            deny_reason is not null as denied, count(*) as parts, count(*) filter (where completeness = 2) as interrupted,
            count(*) filter (where deny_reason is null and (status_code = 0 or status_code >= 400)) as failed
        from usage_rows where kind = 7 or (kind = 6 and position('.' in id) > 0) group by 1, 2, 3, 4, 5, 6, 7, 8;
    update usage_hours h set parts = p.parts, interrupted = h.interrupted - p.interrupted, failed = h.failed - p.failed from usage_parts p
    where (h.hour, h.user_id, h.charged_group, h.groups, h.policy_id, h.provider_id, h.model, h.denied)
        = (p.hour, p.user_id, p.charged_group, p.groups, p.policy_id, p.provider_id, p.model, p.denied);
    update usage_rollups r set parts = s.parts, interrupted = r.interrupted - s.interrupted, failed = r.failed - s.failed from (
        select d.dimension, s.span, p.hour / s.span as start, d.key, sum(p.parts) as parts, sum(p.interrupted) as interrupted, sum(p.failed) as failed
        from usage_parts p
        cross join lateral (values (1::smallint, user_id), (2::smallint, charged_group), (3::smallint, model), (4::smallint, provider_id)) d (dimension, key)
        cross join (values (1::smallint), (24::smallint), (168::smallint), (672::smallint)) s (span)
        group by 1, 2, 3, 4) s
    where (r.dimension, r.span, r.start, r.key) = (s.dimension, s.span, s.start, s.key);
    drop table usage_parts;
end $$;

-- A database from before there were roll-ups: once, from the hours.
insert into usage_rollups
select d.dimension, s.span, h.hour / s.span, d.key, sum(requests), sum(case when denied then requests else 0 end), sum(interrupted),
    sum(price_unknown), sum(input), sum(output), sum(cache_read), sum(cache_write_5m), sum(cache_write_1h), sum(web_searches), sum(cost), sum(failed), sum(parts)
from usage_hours h
cross join lateral (values (1::smallint, user_id), (2::smallint, charged_group), (3::smallint, model), (4::smallint, provider_id)) d (dimension, key)
cross join (values (1::smallint), (24::smallint)) s (span)
where not exists (select 1 from usage_rollups)
group by 1, 2, 3, 4;

-- A database from before there were the long ones: once, from the days.
insert into usage_rollups
select dimension, s.span, start / (s.span / 24), key, sum(requests), sum(denied), sum(interrupted), sum(price_unknown), sum(input), sum(output),
    sum(cache_read), sum(cache_write_5m), sum(cache_write_1h), sum(web_searches), sum(cost), sum(failed), sum(parts)
from usage_rollups r cross join (values (168::smallint), (672::smallint)) s (span)
where r.span = 24 and not exists (select 1 from usage_rollups where span > 24)
group by 1, 2, 3, 4;

-- What days, weeks and months of time zones came to, as an overview read them, packed (PackedSpan): a zone's day is else a day of UTC less
-- and more the hours between the two, each with a row a person. Known by its two moments, so that a zone whose rules change asks for others.
-- Read as long as nothing changed on the days (UTC) that it touches: version is the sum of theirs in usage_touched, which only grow. Made
-- of the roll-ups when an overview finds none; asked is when one last read it, to the week.
create table if not exists usage_spans (
    dimension smallint not null,
    first bigint not null,
    last bigint not null,
    version bigint not null,
    asked bigint not null,
    packed bytea not null,
    primary key (dimension, first, last)
);
alter table usage_spans alter column packed set storage external; -- numbers do not get smaller

-- How often roll-ups of a day (UTC) changed: by triggers, so that no statement can forget it, also not one of an older version's node.
create table if not exists usage_touched (
    day bigint primary key,
    version bigint not null
);

create or replace function usage_touch() returns trigger language plpgsql as $$
begin
    insert into usage_touched as t (day, version)
    select distinct start * span / 24, 1 from changed where span <= 24 order by 1
    on conflict (day) do update set version = t.version + 1;
    return null;
end $$;

create or replace function usage_touch_all() returns trigger language plpgsql as $$
begin
    update usage_touched set version = version + 1;
    return null;
end $$;

do $$ begin
    if exists (select 1 from pg_trigger where tgrelid = 'usage_rollups'::regclass and tgname = 'usage_rollups_added') then
        return;
    end if;

    create trigger usage_rollups_added after insert on usage_rollups referencing new table as changed for each statement execute function usage_touch();
    create trigger usage_rollups_changed after update on usage_rollups referencing new table as changed for each statement execute function usage_touch();
    create trigger usage_rollups_dropped after delete on usage_rollups referencing old table as changed for each statement execute function usage_touch();
    create trigger usage_rollups_emptied after truncate on usage_rollups for each statement execute function usage_touch_all();
    insert into usage_touched select distinct start, 1 from usage_rollups where dimension = 4 and span = 24 on conflict (day) do nothing;
end $$;

-- Sums of whole numbers without the way through numeric that sum() takes; past 63 bits they fail.
create or replace aggregate usage_sum (bigint) (sfunc = int8pl, stype = bigint, initcond = '0', combinefunc = int8pl, parallel = safe);

-- When each session was active, by which a page of sessions is found without reading the rows of all others.
create table if not exists usage_sessions (
    session_id text not null,
    user_id text not null,
    first bigint not null,
    last bigint not null,
    primary key (session_id, user_id)
);
create index if not exists usage_sessions_last on usage_sessions (last desc);
create index if not exists usage_sessions_user on usage_sessions (user_id, last desc);

insert into usage_sessions
select session_id, coalesce(user_id, ''), min(begun), max(begun) from usage_rows
where session_id <> '' and not exists (select 1 from usage_sessions) group by 1, 2;

-- What sessions were active with, by which a page of them is found whatever the filter: of each session, one row for each facet (what a
-- filter tells requests by) and hour in which it had requests. Both are known by a number made of their words, the same on every server.
-- An index is made of the first: it calls nothing of ours, since the server's own upkeep, and a restored dump, look for functions in no schema but PostgreSQL's.
create or replace function usage_session(p_user text, p_session text) returns bigint language sql immutable parallel safe as
$$ select ('x' || left(md5(coalesce(p_user, '') || E'\n' || p_session), 16))::bit(64)::bigint $$;

create or replace function usage_facet(p_groups text, p_policy text, p_provider text, p_model text, p_denied boolean)
returns bigint language sql immutable parallel safe as
$$
select ('x' || left(md5(p_groups || E'\n' || p_policy || E'\n' || p_provider || E'\n' || p_model || case when p_denied then E'\n1' else E'\n0' end), 16))::bit(64)::bigint
$$;

create table if not exists usage_facets (
    facet bigint primary key,
    groups text not null,
    policy_id text not null,
    provider_id text not null,
    model text not null,
    denied boolean not null
);

create table if not exists usage_session_parts (
    session bigint not null,
    facet bigint not null,
    hour bigint not null,
    last bigint not null,
    primary key (session, facet, hour)
);
create index if not exists usage_session_parts_facet on usage_session_parts (facet, last);
create index if not exists usage_session_parts_last on usage_session_parts using brin (last);
create index if not exists usage_sessions_number on usage_sessions (usage_session(user_id, session_id));

-- A database from before there were parts: once, from the rows.
insert into usage_session_parts
select usage_session(user_id, session_id), usage_facet(groups, policy_id, provider_id, model, denied), hour, max(last)
from (
    select coalesce(user_id, '') as user_id, session_id, array_to_string(group_ids, ' ') as groups, coalesce(policy_id, '') as policy_id,
        coalesce(provider_id, '') as provider_id, model, deny_reason is not null as denied, begun / 36000000000 as hour, max(begun) as last
    from usage_rows where session_id <> '' and not exists (select 1 from usage_session_parts) group by 1, 2, 3, 4, 5, 6, 7, 8) r
group by 1, 2, 3;

insert into usage_facets
select usage_facet(groups, policy_id, provider_id, model, denied), groups, policy_id, provider_id, model, denied
from (select distinct groups, policy_id, provider_id, model, denied from usage_hours where not exists (select 1 from usage_facets)) h;

-- The refused rows once more, side by side, with the sentence in small letters: whoever looks for words in sentences, of which nearly every
-- one is another, reads these alone. Among all rows each would be on a page of its own.
create table if not exists usage_refusals (
    begun bigint not null,
    id text not null,
    user_id text,
    group_ids text[] not null,
    policy_id text,
    provider_id text,
    model text not null,
    session_id text,
    said text not null,
    primary key (begun, id)
);

-- A database from before they were kept apart: once, from the rows.
insert into usage_refusals
select begun, id, user_id, group_ids, policy_id, provider_id, model, session_id, lower(deny_text) from usage_rows
where deny_reason is not null and deny_text is not null and not exists (select 1 from usage_refusals);

-- Results of batches that were recorded: for longer than their rows may be kept, so that none is ever counted twice.
-- With a node: claimed by it, and not recorded yet.
create table if not exists usage_results (
    id text primary key,
    at bigint not null
);
alter table usage_results add column if not exists node text;

-- Prompts that guardrails have kept, sealed.
create table if not exists usage_prompts (
    id text primary key,
    at bigint not null,
    user_id text not null,
    sealed bytea not null
);
create index if not exists usage_prompts_at on usage_prompts (at desc);

-- Who created which batch.
create table if not exists usage_batches (
    id text primary key,
    provider_id text not null,
    user_id text not null,
    policy_id text not null,
    charged_group text not null,
    session_id text,
    created bigint not null,
    requests int not null,
    bytes bigint not null
);

create table if not exists usage_counters (
    key text primary key,
    window_ticks bigint not null
);

create table if not exists usage_slots (
    key text not null,
    slot bigint not null,
    at bigint not null,
    amount bigint not null,
    primary key (key, slot)
);

create table if not exists usage_reservations (
    request_id text not null,
    key text not null,
    money boolean not null,
    amount bigint not null,
    node text not null,
    since bigint not null,
    primary key (request_id, key)
);
alter table usage_reservations add column if not exists strict boolean not null default false;
create index if not exists usage_reservations_key on usage_reservations (key);

create or replace function usage_clock() returns bigint language sql volatile as
$$ select 621355968000000000 + (extract(epoch from clock_timestamp()) * 10000000)::bigint $$;

-- One order for everyone, so that two requests with the same caps cannot wait for each other.
create or replace function usage_lock(p_keys text[]) returns void language plpgsql as $$
declare
    v_lock bigint;
begin
    for v_lock in select distinct hashtextextended(k, 7788) as h from unnest(p_keys) as k order by h loop
        perform pg_advisory_xact_lock(v_lock);
    end loop;
end $$;

-- Never before the newest usage of these counters: a clock set back frees nothing.
create or replace function usage_now(p_keys text[], p_now bigint) returns bigint language sql volatile as
$$ select greatest(coalesce(p_now, usage_clock()), coalesce((select max(at) from usage_slots where key = any(p_keys)), 0)) $$;

-- Builds counters that are new, or have another window than before, from the ledger: each charge of the last 200 h by
-- its own time, older ones from the hours, taken at an hour after their hour's end. Callers hold the locks. A person's are found along
-- the index, however many people are asked for (offset 0 keeps the planner to it); groups' and everyone's in one walk for all of them.
create or replace function usage_recall(
    p_key text[], p_window bigint[], p_source text[], p_scope smallint[], p_subject text[], p_rule boolean[],
    p_money boolean[], p_members text[], p_now bigint) returns void language plpgsql as $$
declare
    v_exact bigint := ((p_now - 7200000000000) / 36000000000) * 36000000000;
begin
    if not exists (
        select 1 from unnest(p_key, p_window) as w (key, win) left join usage_counters k on k.key = w.key
        where k.key is null or k.window_ticks <> w.win)
    then
        return;
    end if;

    -- What is priced anew meanwhile tells the counters that it finds: this one is there before, or built of rows that are as they are then.
    perform pg_advisory_xact_lock_shared(7788);
    with wanted as materialized (
        select distinct on (w.key) w.*, k.window_ticks as was, p_now - w.win as since, p_now - coalesce(k.window_ticks, 0) as until
        from unnest(p_key, p_window, p_source, p_scope, p_subject, p_rule, p_money, p_members)
            as w (key, win, source, scope, subject, rule, money, members)
        left join usage_counters k on k.key = w.key
        where k.key is null or k.window_ticks <> w.win
    ), known as (
        delete from usage_slots s using wanted w where s.key = w.key returning s.key, s.at, s.amount
    ), charged as (
        select w.key, r.ended, case when w.money then r.cost
            else r.input + r.output + r.cache_read + r.cache_write_5m + r.cache_write_1h end as amount
        from wanted w cross join lateral (
            select * from usage_rows r
            where r.user_id = w.subject and r.begun >= v_exact and (w.rule or r.policy_id = w.source) offset 0) r
        where w.scope = 1
        union all
        select w.key, r.ended, case when w.money then r.cost
            else r.input + r.output + r.cache_read + r.cache_write_5m + r.cache_write_1h end
        from wanted w join usage_rows r on r.charged_group = w.subject and r.policy_id = w.source
        where w.scope = 2 and not w.rule and r.begun >= v_exact
        union all
        select w.key, r.ended, case when w.money then r.cost
            else r.input + r.output + r.cache_read + r.cache_write_5m + r.cache_write_1h end
        from wanted w join (select *, unnest(group_ids) as member_of from usage_rows where begun >= v_exact) r on r.member_of = w.subject
        where w.scope = 2 and w.rule
        union all
        select w.key, r.ended, case when w.money then r.cost
            else r.input + r.output + r.cache_read + r.cache_write_5m + r.cache_write_1h end
        from wanted w cross join lateral (
            select * from usage_rows r
            where r.begun >= v_exact
                and case when w.rule then w.members is null or r.user_id = any(string_to_array(w.members, ' ')) else r.policy_id = w.source end
            offset 0) r
        where w.scope not in (1, 2)
    ), summed as (
        select w.key, (h.hour + 2) * 36000000000 as ended, case when w.money then h.cost
            else h.input + h.output + h.cache_read + h.cache_write_5m + h.cache_write_1h end as amount
        from wanted w cross join lateral (
            select * from usage_hours h
            where h.user_id = w.subject and h.hour < v_exact / 36000000000 and (w.rule or h.policy_id = w.source) offset 0) h
        where w.scope = 1
        union all
        select w.key, (h.hour + 2) * 36000000000, case when w.money then h.cost
            else h.input + h.output + h.cache_read + h.cache_write_5m + h.cache_write_1h end
        from wanted w join usage_hours h on h.charged_group = w.subject and h.policy_id = w.source
        where w.scope = 2 and not w.rule and h.hour < v_exact / 36000000000
        union all
        select w.key, (h.hour + 2) * 36000000000, case when w.money then h.cost
            else h.input + h.output + h.cache_read + h.cache_write_5m + h.cache_write_1h end
        from wanted w join (select *, unnest(string_to_array(groups, ' ')) as member_of from usage_hours where hour < v_exact / 36000000000) h
            on h.member_of = w.subject
        where w.scope = 2 and w.rule
        union all
        select w.key, (h.hour + 2) * 36000000000, case when w.money then h.cost
            else h.input + h.output + h.cache_read + h.cache_write_5m + h.cache_write_1h end
        from wanted w cross join lateral (
            select * from usage_hours h
            where h.hour < v_exact / 36000000000
                and case when w.rule then w.members is null or h.user_id = any(string_to_array(w.members, ' ')) else h.policy_id = w.source end
            offset 0) h
        where w.scope not in (1, 2)
    ), past as (
        select w.key, w.win, least(c.ended, p_now) as at, c.amount
        from (select * from charged union all select * from summed) c join wanted w on w.key = c.key
        where c.ended > w.since and (w.was is null or c.ended <= w.until)
        union all
        select w.key, w.win, k.at, k.amount from known k join wanted w on w.key = k.key where w.was is not null and k.at > w.until
    )
    insert into usage_slots (key, slot, at, amount)
    select key, at / greatest(1, win / 500), max(at), least(sum(amount), 9000000000000000000)
    from past where amount > 0 group by key, win, 2
    on conflict (key, slot) do update set at = excluded.at, amount = excluded.amount;

    insert into usage_counters (key, window_ticks)
    select distinct on (key) key, win from unnest(p_key, p_window) as w (key, win) order by key
    on conflict (key) do update set window_ticks = excluded.window_ticks where usage_counters.window_ticks <> excluded.window_ticks;
end $$;

-- Forgets the counters of limits that were taken off: they see no more of what is used, and are built from the ledger should they come back.
create or replace function usage_forget(p_limits text[]) returns void language plpgsql as $$
declare
    v_keys text[];
begin
    select array_agg(key) into v_keys from usage_counters
    where concat_ws(':', split_part(key, ':', 1), split_part(key, ':', 2), case split_part(key, ':', 3) when '1' then 'person' else 'shared' end, split_part(key, ':', 5))
        = any(p_limits);
    if v_keys is not null then
        perform usage_lock(v_keys);
        delete from usage_slots where key = any(v_keys);
        delete from usage_counters where key = any(v_keys);
    end if;
end $$;

create or replace function usage_used(p_key text, p_window bigint, p_now bigint) returns bigint language sql stable as
$$ select least(coalesce(sum(amount), 0), 9000000000000000000)::bigint from usage_slots where key = p_key and at > p_now - p_window $$;

-- What requests in flight hold, those of nodes that have been silent for 30 s and of requests older than an hour left out: but not on
-- a strict cap, where they may have been spent, and count for the whole window until their node comes back and says what they were; while
-- it lives for a day, as in one process, however short the window: the request may yet be charged.
create or replace function usage_reserved(p_key text, p_window bigint, p_now bigint) returns bigint language sql stable as $$
    select least(coalesce(sum(r.amount), 0), 9000000000000000000)::bigint
    from usage_reservations r left join usage_nodes n on n.node = r.node
    where r.key = p_key
        and ((r.strict and r.since > p_now - p_window)
            or (r.since > p_now - case when r.strict then 864000000000 else 36000000000 end and n.seen > usage_clock() - 300000000))
$$;

-- Reserves under the first candidate whose caps all have room. Caps of all candidates lie behind one another in the
-- arrays; p_candidate says whose each is. Answers the caps it looked at; chosen is -1 when none has room.
create or replace function usage_reserve(
    p_request text, p_node text, p_now bigint, p_candidates int, p_candidate int[], p_key text[], p_limit bigint[],
    p_window bigint[], p_amount bigint[], p_source text[], p_scope smallint[], p_subject text[], p_rule boolean[],
    p_money boolean[], p_members text[], p_strict boolean[])
returns table (chosen int, cap int, used bigint, reserved bigint, frees bigint, fits bigint) language plpgsql as $$
declare
    v_now bigint;
    v_used bigint[];
    v_reserved bigint[];
    v_chosen int := -1;
begin
    perform usage_lock(p_key);
    v_now := usage_now(p_key, p_now);
    perform usage_recall(p_key, p_window, p_source, p_scope, p_subject, p_rule, p_money, p_members, v_now);
    select array_agg(usage_used(k, w, v_now) order by i), array_agg(usage_reserved(k, w, v_now) order by i)
    into v_used, v_reserved
    from unnest(p_key, p_window) with ordinality as t (k, w, i);

    for v_candidate in 0 .. p_candidates - 1 loop
        if not exists (
            select 1 from generate_subscripts(p_key, 1) i
            where p_candidate[i] = v_candidate and p_amount[i] > 0 and p_amount[i] > p_limit[i] - v_used[i] - v_reserved[i])
        then
            v_chosen := v_candidate;
            insert into usage_reservations (request_id, key, money, amount, node, since, strict)
            select p_request, p_key[i], p_money[i], p_amount[i], p_node, v_now, p_strict[i]
            from generate_subscripts(p_key, 1) i where p_candidate[i] = v_candidate
            on conflict do nothing;
            exit;
        end if;
    end loop;

    return query
    select v_chosen, i - 1, v_used[i],
        v_reserved[i] + case when p_candidate[i] = v_chosen then p_amount[i] else 0 end,
        (select min(s.at) + p_window[i] from usage_slots s where s.key = p_key[i] and s.at > v_now - p_window[i]),
        case when v_chosen >= 0 then null else usage_fits(p_key[i], p_window[i], p_limit[i], p_amount[i], v_used[i], v_reserved[i], v_now) end
    from generate_subscripts(p_key, 1) i
    where v_chosen < 0 or p_candidate[i] = v_chosen
    union all select v_chosen, -1, 0::bigint, 0::bigint, null::bigint, null::bigint;
end $$;

-- When an amount has room: 0 now, null never.
create or replace function usage_fits(
    p_key text, p_window bigint, p_limit bigint, p_amount bigint, p_used bigint, p_reserved bigint, p_now bigint)
returns bigint language sql stable as $$
    select case
        when p_amount = 0 then 0
        when p_amount > p_limit then null
        when p_amount <= p_limit - p_used - p_reserved then 0
        when p_amount <= p_limit - p_used then p_now + 10000000
        else coalesce(
            (select at + p_window from (
                select at, sum(amount) over (order by at) as gone from usage_slots where key = p_key and at > p_now - p_window) s
             where gone >= p_used - (p_limit - p_amount - p_reserved) order by at limit 1),
            (select at + p_window from (
                select at, sum(amount) over (order by at) as gone from usage_slots where key = p_key and at > p_now - p_window) s
             where gone >= p_used - (p_limit - p_amount) order by at limit 1))
    end
$$;

-- Charges the counters that a request holds room on, and leaves the room held.
create or replace function usage_charge(p_request text, p_tokens bigint, p_cost bigint, p_now bigint) returns void language plpgsql as $$
declare
    v_keys text[];
    v_now bigint;
begin
    select array_agg(r.key) into v_keys from usage_reservations r where r.request_id = p_request;
    if v_keys is null then
        return;
    end if;

    perform usage_lock(v_keys);
    v_now := usage_now(v_keys, p_now);
    insert into usage_slots (key, slot, at, amount)
    select r.key, v_now / greatest(1, k.window_ticks / 500), v_now, case when r.money then p_cost else p_tokens end
    from usage_reservations r join usage_counters k on k.key = r.key
    where r.request_id = p_request and case when r.money then p_cost else p_tokens end > 0
    on conflict (key, slot) do update
    set at = greatest(usage_slots.at, excluded.at),
        amount = least(usage_slots.amount::numeric + excluded.amount, 9000000000000000000)::bigint;
end $$;

-- Replaces a reservation by what was used; nothing when there is none any more. Answers for each counter by how much the request used more
-- than it had reserved (less: below zero), and, but for strict caps, which cannot be passed, what is used of it now.
create or replace function usage_settle_each(p_request text, p_tokens bigint, p_cost bigint, p_now bigint)
returns table (counter text, missed bigint, used_now bigint) language plpgsql as $$
declare
    v_keys text[];
    v_missed bigint[];
    v_strict boolean[];
    v_now bigint;
begin
    select array_agg(r.key) into v_keys from usage_reservations r where r.request_id = p_request;
    if v_keys is null then
        return;
    end if;

    perform usage_charge(p_request, p_tokens, p_cost, p_now);
    v_now := usage_now(v_keys, p_now);
    with gone as (
        delete from usage_reservations r where r.request_id = p_request returning r.key, r.money, r.amount, r.strict
    ), expired as (
        delete from usage_slots s using usage_counters k
        where s.key = any(v_keys) and k.key = s.key and s.at <= v_now - k.window_ticks
    )
    select array_agg(g.key), array_agg(case when g.money then p_cost else p_tokens end - g.amount), array_agg(g.strict)
    into v_keys, v_missed, v_strict from gone g;

    return query
    select t.k, t.m, case when t.s then 0 else usage_used(t.k, c.window_ticks, v_now) end
    from unnest(v_keys, v_missed, v_strict) as t (k, m, s) join usage_counters c on c.key = t.k;
end $$;

create or replace function usage_read(
    p_now bigint, p_key text[], p_window bigint[], p_source text[], p_scope smallint[], p_subject text[], p_rule boolean[],
    p_money boolean[], p_members text[])
returns table (cap int, used bigint, reserved bigint, frees bigint) language plpgsql as $$
declare
    v_now bigint := usage_now(p_key, p_now);
begin
    if exists (
        select 1 from unnest(p_key, p_window) as w (key, win) left join usage_counters k on k.key = w.key
        where k.key is null or k.window_ticks <> w.win)
    then
        perform usage_lock(p_key);
        perform usage_recall(p_key, p_window, p_source, p_scope, p_subject, p_rule, p_money, p_members, v_now);
    end if;

    return query
    select (w.i - 1)::int, least(coalesce(s.sum, 0), 9000000000000000000)::bigint,
        case when exists (select 1 from usage_reservations r where r.key = w.key) then usage_reserved(w.key, w.win, v_now) else 0 end,
        s.first + w.win
    from unnest(p_key, p_window) with ordinality as w (key, win, i)
    cross join lateral (select sum(amount) as sum, min(at) as first from usage_slots s where s.key = w.key and s.at > v_now - w.win offset 0) s;
end $$;

-- Up to which threshold (percent) a counter's webhooks were told, and what is on its way to them.
create table if not exists usage_warnings (
    counter text primary key,
    level int not null
);

create table if not exists webhook_deliveries (
    id text primary key,
    webhook text not null,
    type text not null,
    body text not null,
    created bigint not null,
    state smallint not null,
    attempts int not null,
    next bigint not null,
    status int not null,
    fault text not null,
    ended bigint not null
);
create index if not exists webhook_deliveries_due on webhook_deliveries (next) where state = 1;
create index if not exists webhook_deliveries_log on webhook_deliveries (webhook, created desc);
