"""What the keys of two files say."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class KeyGroup:
    """
    Keys of accounts that have something in common.

    :param count: how many there are.
    :param keys: the first twenty, sorted.
    """

    count: int
    keys: tuple[str, ...] = ()


@dataclass(frozen=True)
class KeyFigures:
    """
    What the keys of two files say.

    :param accounts: keys in the new file, without the blank ones.
    :param last_accounts: keys in the last file.
    :param common: keys in both.
    :param blank_rows: rows of the new file without a key.
    :param repeated: keys that occur more than once in the new file.
    :param padded: new keys that begin or end with a space.
    :param headers: rows of the new file that repeat its header.
    :param joiners: keys in the new file alone.
    :param movers: keys in both, with other values.
    :param leavers: keys in the last file alone.
    """

    accounts: int
    last_accounts: int
    common: int
    blank_rows: int
    repeated: KeyGroup
    padded: KeyGroup
    headers: KeyGroup
    joiners: KeyGroup
    movers: KeyGroup
    leavers: KeyGroup
