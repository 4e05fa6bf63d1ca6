#!/usr/bin/env escript
%% -*- erlang -*-
%% Asks a real OTP supervisor what it does, and writes the answers as JSON: the expected values of the conformance test.
%%
%% Regenerate (Debian 12: apt-get install erlang-base, which brings OTP 25; auto_shutdown needs 24 or newer):
%%
%%     escript tests/otp/traces.escript > tests/otp/traces.json
%%
%% It takes about a minute, most of it waiting, and gives the same file every time. traces.json names the OTP version.
%%
%% Three children a, b, c (started in that order; alike unless the case says otherwise) report to a recorder and wait for
%% its answer, so the order of events is exact:
%%
%%     "start b"   b began to run              "fail b"   b's start function returned an error
%%     "exit b"    b was made to end           "stop b"   b was told by the supervisor to shut down
%%
%% Afterwards each child is "untouched" (the same process), "restarted" (a new one) or "gone" (none). The supervisor is
%% "alive", or the reason it ended with. What starting the three gives ("start a", "start b", "start c") is left out,
%% except where the case is about it.
%%
%% Sections: `decisions` (restart decision by strategy, restart type, reason, position), `mixed` (siblings of another
%% restart type), `auto_shutdown`, `intensity`, `stop` (the parent stops the supervisor), `start_failure`.
%%
%% OTP takes the time of a restart in whole seconds, so a period of 1 s may reach 2 s back. `intensity` therefore spaces
%% failures either by nothing or by 2100 ms, where sliding windows of any grain agree.
-module(traces).
-mode(compile).
-export([main/1, init/1, start_child/2, run_child/3]).

-define(IDS, [a, b, c]).
-define(STRATEGIES, [one_for_one, one_for_all, rest_for_one, simple_one_for_one]).
-define(REASONS, [normal, shutdown, {shutdown, x}, boom, killed]).
%% Time for an exit signal to reach the supervisor; its reaction is then awaited by a call.
-define(SETTLE_MS, 20).
-define(FAR_APART_MS, 2100).

main(_) ->
    logger:set_primary_config(level, none),
    process_flag(trap_exit, true),
    register(recorder, spawn_link(fun() -> recorder([]) end)),
    Sections = [
        {decisions, decisions()},
        {mixed, mixed()},
        {auto_shutdown, auto_shutdown()},
        {intensity, intensity()},
        {stop, stop()},
        {start_failure, start_failure()}
    ],
    io:format("{~n\"otp\": ~s,~n~s~n}~n", [
        json(list_to_binary(erlang:system_info(otp_release))),
        lists:join(",\n", [[json(Name), ": [\n", lists:join(",\n", [json(Case) || Case <- Cases]), "\n]"] || {Name, Cases} <- Sections])
    ]).

%% --- sections

decisions() ->
    [
        begin
            {Children, Events, Supervisor} = one_exit(#{strategy => Strategy, restart => Restart}, Id, Reason),
            [{strategy, Strategy}, {restart, Restart}, {reason, text(Reason)}, {position, position(Id)},
             {children, Children}, {events, Events}, {supervisor, Supervisor}]
        end
     || Strategy <- ?STRATEGIES, Restart <- [permanent, transient, temporary], Reason <- ?REASONS, Id <- ?IDS
    ].

mixed() ->
    [
        begin
            Restarts = maps:from_list([{Each, Siblings} || Each <- ?IDS, Each =/= Id]),
            {Children, Events, Supervisor} = one_exit(#{strategy => Strategy, restart => Restart, restarts => Restarts}, Id, boom),
            [{strategy, Strategy}, {restart, Restart}, {siblings, Siblings}, {reason, text(boom)}, {position, position(Id)},
             {children, Children}, {events, Events}, {supervisor, Supervisor}]
        end
     || Strategy <- [one_for_all, rest_for_one], {Restart, Siblings} <- [{permanent, transient}, {permanent, temporary}, {transient, temporary}, {temporary, permanent}],
        Id <- ?IDS
    ].

auto_shutdown() ->
    [
        begin
            Options = #{strategy => Strategy, restart => Restart, auto_shutdown => Auto, significant => Significant},
            {Children, Events, Supervisor} = exits(Options, Exits, Reason),
            [{strategy, Strategy}, {auto_shutdown, Auto}, {restart, Restart}, {significant, Significant}, {exits, Exits}, {reason, text(Reason)},
             {children, Children}, {events, Events}, {supervisor, Supervisor}]
        end
     || Strategy <- [one_for_one, one_for_all, rest_for_one], Auto <- [never, any_significant, all_significant],
        Restart <- [permanent, transient, temporary], {Significant, Exits} <- significance(), Reason <- ?REASONS,
        %% Combinations that OTP refuses, whatever exits and why: shown once.
        not refused(Auto, Restart) orelse {Strategy, Significant, Exits, Reason} =:= {one_for_one, [a], [a], normal}
    ].

refused(never, _) -> true;
refused(_, permanent) -> true;
refused(_, _) -> false.

%% {significant children, children that end one after the other}
significance() ->
    [{[Id], [Id]} || Id <- ?IDS] ++                        % the only significant one ends
    [{?IDS -- [Id], [Id]} || Id <- ?IDS] ++                % one that is not significant ends
    [{?IDS, [Id]} || Id <- ?IDS] ++                        % one of three significant ones ends
    [{[a, c], [a, c]}, {?IDS, [b, c, a]}].                 % all significant ones end in turn

%% `failures`: when the child is made to fail, in ms after the failure before. `ended_by`: which of them ended the
%% supervisor, counted from 1; null when it outlived all.
intensity() ->
    Far = ?FAR_APART_MS,
    [
        begin
            {EndedBy, Supervisor} = fail_until_end(#{strategy => Strategy, restart => Restart, intensity => Intensity}, Reason, Failures),
            [{strategy, Strategy}, {restart, Restart}, {reason, text(Reason)}, {intensity, Intensity}, {period_s, 1}, {failures, Failures},
             {ended_by, EndedBy}, {supervisor, Supervisor}]
        end
     || {Strategies, Restart, Reason, Intensity, Failures} <-
            [{?STRATEGIES, permanent, boom, I, lists:duplicate(5, 0)} || I <- [0, 1, 2, 3]] ++
            [{?STRATEGIES, Restart, Reason, 0, [0]} || Restart <- [permanent, transient, temporary], Reason <- ?REASONS] ++
            [{[one_for_one], permanent, boom, I, [0, Far, Far, Far]} || I <- [0, 1, 2, 3]] ++
            [{[one_for_one], permanent, boom, 2, [0, 0, Far, 0, Far, 0, 0, 0]},
             {[one_for_one], permanent, boom, 3, [0, 0, 0, Far, 0, 0, Far, 0, 0, 0, 0]}],
        Strategy <- Strategies
    ].

%% `ends`: the reason each child ended with. `shutdown` of a child: ms, or brutal_kill; `ignores`: it does not react to
%% being told. The children of a simple_one_for_one are told all at once, so their events have no order: sorted.
stop() ->
    [
        begin
            {Sup, Pids} = start(#{strategy => Strategy, restart => Restart, shutdowns => Shutdowns, ignores => Ignores}),
            Monitors = [{Id, erlang:monitor(process, Pid)} || {Id, Pid} <- Pids],
            exit(Sup, shutdown),
            Supervisor = receive {'EXIT', Sup, Reason} -> text(Reason) end,
            Ends = [{Id, receive {'DOWN', Ref, process, _, Why} -> text(Why) end} || {Id, Ref} <- Monitors],
            Events = events(),
            Ordered = Strategy =/= simple_one_for_one,
            [{strategy, Strategy}, {restart, Restart}, {shutdown, maps:to_list(Shutdowns)}, {ignores, Ignores}, {ends, Ends},
             {events, case Ordered of true -> Events; false -> lists:sort(Events) end}, {ordered, Ordered}, {supervisor, Supervisor}]
        end
     || Strategy <- ?STRATEGIES, Restart <- [permanent, transient, temporary],
        {Shutdowns, Ignores} <- [{#{}, []}] ++ [Each || Strategy =/= simple_one_for_one, Each <- [{#{b => brutal_kill}, []}, {#{b => 50}, [b]}]]
    ].

start_failure() ->
    [
        begin
            {error, Reason} = start(#{strategy => Strategy, restart => Restart, fails => [Id]}),
            receive {'EXIT', _, _} -> ok end,
            [{strategy, Strategy}, {restart, Restart}, {position, position(Id)}, {events, events()}, {supervisor, text(shape(Reason))}]
        end
     || Strategy <- [one_for_one, one_for_all, rest_for_one], Restart <- [permanent, temporary], Id <- ?IDS
    ].

%% The error repeats the child's specification; its id says enough.
shape({shutdown, {failed_to_start_child, Id, Why}}) -> {shutdown, {failed_to_start_child, Id, Why}}.

%% --- running a case

one_exit(Options, Id, Reason) -> exits(Options, [Id], Reason).

exits(Options, Ids, Reason) ->
    case start(Options) of
        {error, Refused} ->
            receive {'EXIT', _, _} -> ok end,
            _ = events(),
            {[{Id, <<"gone">>} || Id <- ?IDS], [], text({refused, Refused})};
        {Sup, Before} ->
            _ = events(),
            [make_exit(Sup, Id, pid_now(Sup, Id), Reason) || Id <- Ids],
            Alive = is_process_alive(Sup),
            After = case Alive of true -> pids(Sup); false -> [] end,
            Children = [{Id, fate(proplists:get_value(Id, Before), proplists:get_value(Id, After))} || Id <- ?IDS],
            Events = events(),
            Supervisor = finish(Sup, Alive),
            {Children, Events, Supervisor}
    end.

fail_until_end(Options, Reason, Failures) ->
    {Sup, _} = start(Options),
    EndedBy = fail_until_end(Sup, Reason, Failures, 1),
    {EndedBy, finish(Sup, is_process_alive(Sup))}.

fail_until_end(_, _, [], _) -> null;
fail_until_end(Sup, Reason, [Gap | Rest], N) ->
    timer:sleep(Gap),
    make_exit(Sup, b, pid_now(Sup, b), Reason),
    case is_process_alive(Sup) of
        true -> fail_until_end(Sup, Reason, Rest, N + 1);
        false -> N
    end.

finish(Sup, false) ->
    Reason = receive {'EXIT', Sup, R} -> R after 1000 -> exit(no_exit) end,
    _ = events(),
    text(Reason);
finish(Sup, true) ->
    exit(Sup, shutdown),
    receive {'EXIT', Sup, _} -> ok end,
    _ = events(),
    <<"alive">>.

make_exit(_, _, undefined, _) -> gone;
make_exit(Sup, Id, Pid, Reason) ->
    Ref = erlang:monitor(process, Pid),
    record(exit, Id),
    case Reason of
        killed -> exit(Pid, kill);
        _ -> Pid ! {please_exit, Reason}
    end,
    receive {'DOWN', Ref, process, Pid, _} -> ok end,
    timer:sleep(?SETTLE_MS),
    %% A call is answered after everything the supervisor was doing.
    try supervisor:count_children(Sup) of _ -> ok catch exit:_ -> ok end.

fate(_, undefined) -> <<"gone">>;
fate(Pid, Pid) -> <<"untouched">>;
fate(_, _) -> <<"restarted">>.

pid_now(Sup, Id) ->
    case is_process_alive(Sup) of
        true -> proplists:get_value(Id, pids(Sup));
        false -> undefined
    end.

%% Children of a simple_one_for_one have no ids for the supervisor: they are asked themselves.
pids(Sup) ->
    lists:sort([{name(Id, Pid), Pid} || {Id, Pid, _, _} <- supervisor:which_children(Sup), is_pid(Pid)]).

name(undefined, Pid) ->
    Pid ! {who_are_you, self()},
    receive {i_am, Pid, Id} -> Id end;
name(Id, _) -> Id.

start(Options) ->
    case supervisor:start_link(?MODULE, Options) of
        {ok, Sup} ->
            [{ok, _} = supervisor:start_child(Sup, [Id]) || maps:get(strategy, Options) =:= simple_one_for_one, Id <- ?IDS],
            Pids = pids(Sup),
            _ = events(),
            {Sup, Pids};
        {error, Reason} -> {error, Reason}
    end.

%% --- the supervisor's and the children's code

init(#{strategy := Strategy} = Options) ->
    Flags = #{strategy => Strategy, intensity => maps:get(intensity, Options, 10), period => 1, auto_shutdown => maps:get(auto_shutdown, Options, never)},
    {ok, {Flags, case Strategy of
        simple_one_for_one -> [spec(any, Options)];
        _ -> [spec(Id, Options) || Id <- ?IDS]
    end}}.

spec(Id, #{strategy := Strategy} = Options) ->
    Args = case Strategy of simple_one_for_one -> [Options]; _ -> [Options, Id] end,
    #{
        id => Id,
        start => {?MODULE, start_child, Args},
        restart => maps:get(Id, maps:get(restarts, Options, #{}), maps:get(restart, Options)),
        significant => lists:member(Id, maps:get(significant, Options, [])),
        shutdown => maps:get(Id, maps:get(shutdowns, Options, #{}), 1000)
    }.

start_child(Options, Id) ->
    case lists:member(Id, maps:get(fails, Options, [])) of
        true -> record(fail, Id), {error, boom};
        false -> proc_lib:start_link(?MODULE, run_child, [Id, self(), lists:member(Id, maps:get(ignores, Options, []))])
    end.

run_child(Id, Parent, Ignores) ->
    process_flag(trap_exit, true),
    record(start, Id),
    proc_lib:init_ack(Parent, {ok, self()}),
    child(Id, Parent, Ignores).

child(Id, Parent, Ignores) ->
    receive
        {'EXIT', Parent, Reason} ->
            record(stop, Id),
            case Ignores of true -> child(Id, Parent, Ignores); false -> exit(Reason) end;
        {please_exit, Reason} -> exit(Reason);
        {who_are_you, From} -> From ! {i_am, self(), Id}, child(Id, Parent, Ignores)
    end.

%% --- the recorder

record(What, Id) ->
    recorder ! {record, self(), [atom_to_list(What), " ", atom_to_list(Id)]},
    receive recorded -> ok end.

events() ->
    recorder ! {events, self()},
    receive {events, Events} -> Events end.

recorder(Events) ->
    receive
        {record, From, Event} -> From ! recorded, recorder([iolist_to_binary(Event) | Events]);
        {events, From} -> From ! {events, lists:reverse(Events)}, recorder([])
    end.

%% --- words and JSON

position(a) -> first;
position(b) -> middle;
position(c) -> last.

text(Term) -> iolist_to_binary(io_lib:format("~0p", [Term])).

json(null) -> "null";
json(true) -> "true";
json(false) -> "false";
json(Number) when is_integer(Number) -> integer_to_list(Number);
json(Atom) when is_atom(Atom) -> json(atom_to_binary(Atom));
json(Text) when is_binary(Text) -> [$", [escape(Char) || <<Char>> <= Text], $"];
json([]) -> "[]";
json([{_, _} | _] = Fields) -> ["{", lists:join(", ", [[json(Key), ": ", value(Key, Value)] || {Key, Value} <- Fields]), "}"];
json(List) when is_list(List) -> ["[", lists:join(", ", [json(Each) || Each <- List]), "]"].

%% The one empty list that is an object.
value(shutdown, []) -> "{}";
value(_, Value) -> json(Value).

escape($") -> "\\\"";
escape($\\) -> "\\\\";
escape(Char) -> Char.
