"""The words that Envoy's match trees are written in here.

A tree gives the action of the first branch that matches. Headers that a request does not have
match nothing, and so no positive test.
"""

from collections.abc import Mapping
from typing import Any

from envoy.extensions.common.matching.v3.extension_matcher_pb2 import ExtensionWithMatcher
from envoy.extensions.filters.common.matcher.action.v3.skip_action_pb2 import SkipFilter
from envoy.extensions.filters.http.composite.v3.composite_pb2 import ExecuteFilterAction
from envoy.extensions.filters.http.header_mutation.v3.header_mutation_pb2 import HeaderMutation
from envoy.extensions.string_matcher.lua.v3.lua_pb2 import Lua
from envoy.type.matcher.v3.http_inputs_pb2 import HttpRequestHeaderMatchInput
from google.protobuf.any_pb2 import Any as Packed
from google.protobuf.message import Message
from xds.core.v3.extension_pb2 import TypedExtensionConfig
from xds.type.matcher.v3.matcher_pb2 import Matcher
from xds.type.matcher.v3.regex_pb2 import RegexMatcher
from xds.type.matcher.v3.string_pb2 import StringMatcher

type Predicate = Any
"""A `Matcher.MatcherList.Predicate`."""
type OnMatch = Any
"""A `Matcher.OnMatch`: an action, or another tree."""

_List = Matcher.MatcherList
_Predicate = Matcher.MatcherList.Predicate


def written(tree: OnMatch) -> bytes:
    """A tree as bytes, the same for equal ones; messages take several times as much memory."""
    found: bytes = tree.SerializeToString(deterministic=True)
    return found


def read(tree: bytes) -> OnMatch:
    """The tree that was written."""
    return Matcher.OnMatch.FromString(tree)


def packed(message: Message) -> Packed:
    """A message as an Any."""
    found = Packed()
    found.Pack(message)
    return found


def extension(name: str, message: Message) -> TypedExtensionConfig:
    """A part of Envoy by its configuration."""
    return TypedExtensionConfig(name=name, typed_config=packed(message))


def header(name: str) -> TypedExtensionConfig:
    """What is looked at: a request header (several lines are joined by a comma)."""
    return extension("header", HttpRequestHeaderMatchInput(header_name=name))


def _tested(name: str, matcher: StringMatcher) -> Predicate:
    single = _Predicate.SinglePredicate(input=header(name), value_match=matcher)
    return _Predicate(single_predicate=single)


def equals(name: str, text: str) -> Predicate:
    """Whether a header is that text."""
    return _tested(name, StringMatcher(exact=text))


def begins(name: str, text: str) -> Predicate:
    """Whether a header begins so."""
    return _tested(name, StringMatcher(prefix=text))


def ends(name: str, text: str) -> Predicate:
    """Whether a header ends so."""
    return _tested(name, StringMatcher(suffix=text))


def holds(name: str, text: str) -> Predicate:
    """Whether a header holds that text somewhere."""
    return _tested(name, StringMatcher(contains=text))


def fits(name: str, regex: str) -> Predicate:
    """Whether a header as a whole fits a regular expression (RE2)."""
    pattern = RegexMatcher(google_re2=RegexMatcher.GoogleRE2(), regex=regex)
    return _tested(name, StringMatcher(safe_regex=pattern))


def judged(name: str, source: str) -> Predicate:
    """Whether the Lua function `envoy_match` of the source says yes to a header."""
    lua = Lua()
    lua.source_code.inline_string = source
    return _tested(name, StringMatcher(custom=extension("lua", lua)))


def present(name: str) -> Predicate:
    """Whether a request has a header at all."""
    return fits(name, "(?s).*")


def not_(predicate: Predicate) -> Predicate:
    """The contrary."""
    return _Predicate(not_matcher=predicate)


def all_of(*predicates: Predicate) -> Predicate:
    """Whether each holds; asked in this order."""
    if len(predicates) == 1:
        return predicates[0]
    return _Predicate(and_matcher=_Predicate.PredicateList(predicate=predicates))


def any_of(*predicates: Predicate) -> Predicate:
    """Whether one holds; asked in this order."""
    if len(predicates) == 1:
        return predicates[0]
    return _Predicate(or_matcher=_Predicate.PredicateList(predicate=predicates))


def when(predicate: Predicate, then: OnMatch, otherwise: OnMatch | None = None) -> OnMatch:
    """A tree that asks one question."""
    field = _List.FieldMatcher(predicate=predicate, on_match=then)
    tree = Matcher(matcher_list=_List(matchers=[field]), on_no_match=otherwise)
    return Matcher.OnMatch(matcher=tree)


def looked_up(name: str, table: Mapping[str, OnMatch], otherwise: OnMatch) -> OnMatch:
    """A tree that looks a header up; the size of the table costs nothing.

    A branch that comes to no action is as if the table had no such entry.
    """
    if not table:
        return otherwise
    tree = Matcher(on_no_match=otherwise)
    lookup = tree.matcher_tree
    lookup.input.CopyFrom(header(name))
    for key, then in table.items():
        lookup.exact_match_map.map[key].CopyFrom(then)
    return Matcher.OnMatch(matcher=tree)


def _run() -> OnMatch:
    # Envoy knows no action for it, so it is one of another filter, which this one does not mind.
    action = ExecuteFilterAction()
    action.typed_config.name = "nothing"
    action.typed_config.typed_config.Pack(HeaderMutation())
    return Matcher.OnMatch(action=extension("run", action))


SKIP: OnMatch = Matcher.OnMatch(action=extension("skip", SkipFilter()))
"""Go on without the filter."""
RUN: OnMatch = _run()
"""Run the filter, and look no further."""


def unless_skipped(tree: OnMatch, filter: TypedExtensionConfig) -> ExtensionWithMatcher:
    """A filter that runs unless the tree says SKIP."""
    found = ExtensionWithMatcher(xds_matcher=tree.matcher)
    found.extension_config.name = filter.name
    found.extension_config.typed_config.CopyFrom(filter.typed_config)
    return found
