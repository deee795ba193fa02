"""Rounding by groups (semantics 6)."""

from __future__ import annotations

from collections import defaultdict
from datetime import date

from klausel.adjustments.rounding import Group, group_of, rounded, shared
from klausel.charges.base import rounded_to
from klausel.period import Span
from klausel.policy.ir import Rounding
from klausel.run.clerk.asking import Asking
from klausel.run.clerk.calendar import Calendar, DayWindow
from klausel.run.clerk.piece import Piece


class Groups:
    """Rounds pieces by their groups; a late one pays what it adds."""

    def __init__(self, rule: Rounding | None, calendar: Calendar, asking: Asking) -> None:
        self._rule = rule
        self._calendar = calendar
        self._asking = asking
        self._groups: dict[tuple[date, Group], list[int]] = defaultdict(lambda: [0, 0])
        """By first day of the window: worked and rounded seconds."""

    def remember(self, window: DayWindow) -> None:
        """What of this window's groups is on record as rounded."""
        rule = self._rule
        if rule is None:
            return
        for piece in window.natural:
            if not piece.origin.record and not piece.origin.held_before:
                continue
            if piece.origin.gated_before or not piece.is_rounded or self._asking.was_freed(piece):
                continue
            known = self._groups[window.span.first, group_of(rule, piece.work)]
            if piece.origin.record:
                known[0] += sum(part.seconds for part in piece.origin.record)
                known[1] += sum(part.rounded for part in piece.origin.record)
            else:
                known[0] += piece.work.seconds
                known[1] += piece.work.rounded

    def round_window(self, span: Span, pieces: list[Piece]) -> None:
        rule = self._rule
        if rule is None:
            return
        groups: dict[Group, list[Piece]] = defaultdict(list)
        for piece in pieces:
            if piece.is_rounded and not piece.origin.record and not piece.origin.held_before:
                groups[group_of(rule, piece.work)].append(piece)
        for group, members in groups.items():
            known = self._groups[span.first, group]
            worked = [piece.work.seconds for piece in members]
            total = rounded(rule, known[0] + sum(worked)) - known[1]
            known[0] += sum(worked)
            known[1] += total
            for piece, seconds in zip(members, shared(worked, total), strict=True):
                piece.work = rounded_to(piece.work, seconds)

    def round_alone(self, pieces: list[Piece]) -> None:
        """Rounds ``pieces`` where nothing is on record and nothing comes to a group later."""
        rule = self._rule
        if rule is None:
            return
        if rule.per == "entry":
            for piece in pieces:
                if piece.is_rounded:
                    piece.work = rounded_to(piece.work, rounded(rule, piece.work.seconds))
            return
        groups: dict[Group, list[Piece]] = {}
        for piece in pieces:
            if piece.is_rounded:
                groups.setdefault(group_of(rule, piece.work), []).append(piece)
        for members in groups.values():
            worked = [piece.work.seconds for piece in members]
            total = rounded(rule, sum(worked))
            for piece, seconds in zip(members, shared(worked, total), strict=True):
                piece.work = rounded_to(piece.work, seconds)

    def round_late(self, piece: Piece) -> None:
        """A late entry pays what it adds to its group; what was held is not rounded again."""
        rule = self._rule
        if rule is None or not piece.adds_to_group or not piece.is_rounded:
            return
        first = self._calendar.window(piece.work.entry.date).first
        known = self._groups[first, group_of(rule, piece.work)]
        total = rounded(rule, known[0] + piece.work.seconds) - known[1]
        known[0] += piece.work.seconds
        known[1] += total
        piece.work = piece.work._replace(rounded=total)
