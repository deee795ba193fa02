"""The two matchers that a run asks."""

from __future__ import annotations

from typing import NamedTuple

from klausel.matching import MatcherFactory


class Matchers(NamedTuple):
    """The matchers in use; None stands for the default one."""

    main: MatcherFactory | None = None
    check: MatcherFactory | None = None


DEFAULT_MATCHERS = Matchers()
