"""Forgetting on request: chooses what goes, has it erased everywhere, and probes the weights made without it.

Promise: when `erase` returns, no text of it is left in the home, nor in a backup of it that is where it was
written; when a receipt says "forgotten", the files were searched, and the weights that serve were made
without it, were asked for all of it that weights may have held, and did not answer for it. Killed anywhere,
the same request or the next night finishes it. Knows the order of things; how each is done stands in the
rooms below.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from ..graphs.rebuild import clean_start, holding, pending, remove_holders
from ..memory.durable import sha256_of
from ..memory.errors import BadInput
from ..memory.journal import Memory, Tombstone
from ..sleep.fingerprint import Fingerprint, active, fingerprint_of, fingerprint_of_text
from ..sleep.forgetting import Scrubber, eraser, folded, names_of, probes_for, related
from ..sleep.spans import places
from .backups import HOLDING, forget_in_backups
from .erasure import erase_files, left_in, traces
from .receipts import Probe, Receipt, drop_receipt, read_receipts, receipt_name, write_receipt
from .why import training_questions
from .workspace import Workspace

PROBES_PER_MEMORY = 4
TEXT_ID = "text-"
_LEAST_CHARS = 3
_MAY_BE_IN_WEIGHTS = ("consolidated", "admitted", "superseded")

Ask = Callable[[str, str], str]
"""(question, tiers) -> answer, by the wake engine; tiers "before" is the version that never learnt it."""


@dataclass(frozen=True)
class Chosen:
    """What is to be forgotten: memories, and words the owner named, if any."""

    memories: Sequence[Memory]
    text: str | None
    turns: Sequence[int]


def choose(space: Workspace, ids: Sequence[str], matching: str | None) -> Chosen:
    """The memories of these ids, or all that hold the words, with those that say the same.

    Raises BadInput when nothing fits, or neither or both were given; UnknownRecord for an id.
    """
    if bool(ids) == (matching is not None):
        raise BadInput("Say what to forget: the ids of memories, or words with --matching, and not both.")
    journal = space.journal
    everything = [memory for memory in journal.memories() if memory.state != "forgotten"]
    if matching is not None:
        if len("".join(matching.split())) < _LEAST_CHARS or not folded(matching):
            raise BadInput(
                f"The words to forget must have {_LEAST_CHARS} letters or digits at least, "
                f"and they are {matching!r}."
            )
        first = [m for m in everything if any(places(matching, text) for text in (m.statement, m.quote))]
    else:
        first = [journal.memory(id) for id in ids]
        if gone := [memory.id for memory in first if memory.state == "forgotten"]:
            raise BadInput(f"Memory {gone[0]} is forgotten already.")
    memories = {memory.id: memory for one in first for memory in related(one, everything)}
    chosen = Chosen(list(memories.values()), matching, _turns_holding(space, matching, memories.values()))
    if not chosen.memories and not chosen.turns:
        raise BadInput(f"Nothing in the journal holds {matching!r}.")
    return chosen


def _turns_holding(space: Workspace, text: str | None, memories: Iterable[Memory]) -> list[int]:
    turns = {id for memory in memories for id in memory.turn_ids}
    if text is not None:
        journal = space.journal
        said = (turn for session in journal.sessions() for turn in journal.turns(session.id, withdrawn=True))
        turns |= {turn.id for turn in said if places(text, turn.content)}
    return sorted(turns)


def erased(space: Workspace, once: str | None) -> Receipt | None:
    """The receipt of what was erased under this idempotency key, once `finish_erasing` has been called."""
    return next((receipt for receipt in read_receipts(space.home) if once and receipt.once == once), None)


def erase(space: Workspace, chosen: Chosen, once: str | None = None) -> Receipt:
    """Takes it out of the journal and every file at once; the weights follow. Returns the receipt, which
    keeps the idempotency key `once`.
    """
    journal, at = space.journal, datetime.now(UTC)
    name = receipt_name(at)
    prints = {memory.id: fingerprint_of(memory) for memory in chosen.memories}
    if chosen.text is not None:
        prints[f"{TEXT_ID}{name}"] = fingerprint_of_text(chosen.text)
    gone = [memory.id for memory in chosen.memories]
    staying = [m for m in journal.memories() if m.id not in set(gone) and m.state != "forgotten"]
    scrub = eraser(list(prints.values()), staying)
    used = frozenset(training_questions(space)) | _examined(space)
    learnt = [memory for memory in chosen.memories if memory.state in _MAY_BE_IN_WEIGHTS]
    probes = [
        Probe(memory.id, question)
        for memory in learnt
        for question in probes_for(memory, used, PROBES_PER_MEMORY)
        if scrub(question) == question
    ]
    probed = {probe.memory for probe in probes}
    before, said = space.registry.head(), {memory.id: memory.statement for memory in chosen.memories}
    receipt = Receipt(
        id=name,
        at=at,
        state="erasing",
        forgotten=[
            {"memory": id, "salt": print_.salt, "sha256": print_.code(said.get(id, chosen.text or ""))}
            for id, print_ in prints.items()
        ],
        removed={},
        adapters_removed=(),
        adapter_before=before.id if before else None,
        probes=probes,
        unprobed=[memory.id for memory in learnt if memory.id not in probed],
        once=once or "",
    )
    write_receipt(space.home, receipt)  # before anything is gone: what a kill leaves undone is known by it
    stones = [Tombstone(id, at, print_.as_json(), name) for id, print_ in prints.items()]
    changed = journal.forget(stones, scrub.of_json, scrub.of_answer)
    receipt = replace(receipt, removed=changed)
    return _searched(space, _everywhere(space, receipt, scrub), scrub, names_of(chosen.memories, chosen.text))


def _everywhere(space: Workspace, receipt: Receipt, scrub: Scrubber) -> Receipt:
    """The files, the index, the backups and the adapters, once the journal's text is gone. Again changes
    nothing.
    """
    erased = erase_files(space.home, scrub, [row["memory"] for row in receipt.forgotten])
    space.journal.purge()
    space.refresh_store()
    backups = {scrub(path): became for path, became in forget_in_backups(space.home, space.journal).items()}
    removed = {**receipt.removed, "files": erased.files, "training_examples": erased.training_lines}
    return _weights(space, replace(receipt, state="weights pending", removed=removed, backups=backups))


def _examined(space: Workspace) -> frozenset[str]:
    """Folded questions of every exam held."""
    nights = space.journal.nights()
    return frozenset(folded(a.question) for night in nights for a in space.journal.exam_answers(night.id))


def _weights(space: Workspace, receipt: Receipt) -> Receipt:
    """Deletes adapters that hold it and do not serve; where none serves with it, the weights are done."""
    gone = pending(space.journal.tombstones())
    removed = remove_holders(space.registry, gone)
    rebuild, _ = clean_start(space.registry, gone)
    if not rebuild:
        space.journal.mark_rebuilt(gone)
    return replace(receipt, adapters_removed=(*receipt.adapters_removed, *removed))


def _searched(
    space: Workspace, receipt: Receipt, scrub: Scrubber, names: Sequence[str] | None = None
) -> Receipt:
    """Searches the whole home by the fingerprints and, where `names` are known still, for these byte by byte.

    Other words stand anywhere, as do names that a memory which stays holds too: where those are is noted.
    """
    left, kept = left_in(space.home, scrub, every_byte=names is None), " \n ".join(scrub.spared)
    found = {*left.holding, *traces(space.home, [n for n in names or () if not places(n, kept)])[1]}
    backups = [path for path, became in receipt.backups.items() if became.startswith(HOLDING)]
    done = replace(
        receipt,
        files_searched=left.searched,
        files_holding=[*sorted(found), *backups],
        files_mentioning=[name for name in left.mentioning if name not in found],
    )
    write_receipt(space.home, done)
    return done


def weights_pending(space: Workspace) -> bool:
    """Whether what is served was made with something forgotten."""
    return clean_start(space.registry, pending(space.journal.tombstones()))[0]


def settle(space: Workspace, ask: Ask) -> list[Receipt]:
    """Probes what the nights have rebuilt since, and finishes those receipts. Returns the finished ones."""
    finish_erasing(space)
    stones = {stone.id: stone for stone in space.journal.tombstones()}
    finished = []
    for receipt in read_receipts(space.home):
        mine = [stone for stone in stones.values() if stone.receipt == receipt.id]
        if receipt.state != "weights pending" or not mine or any(s.rebuilt_at is None for s in mine):
            continue
        finished.append(_probed(space, receipt, mine, ask))
    return finished


def finish_erasing(space: Workspace) -> None:
    """Does again what a kill may have cut short, by the fingerprints alone: the text itself is gone."""
    for receipt in read_receipts(space.home):
        if receipt.state != "erasing":
            continue
        mine = [stone for stone in space.journal.tombstones() if stone.receipt == receipt.id]
        if not mine:  # it was killed before anything was erased
            drop_receipt(space.home, receipt)
            continue
        prints = [Fingerprint.of_json(stone.fingerprint) for stone in mine]
        staying = [memory for memory in space.journal.memories() if memory.state != "forgotten"]
        scrub = eraser(prints, staying)
        _searched(space, _everywhere(space, receipt, scrub), scrub)


def _probed(space: Workspace, receipt: Receipt, stones: Sequence[Tombstone], ask: Ask) -> Receipt:
    prints = {stone.id: Fingerprint.of_json(stone.fingerprint) for stone in stones}
    probes = [
        _asked(probe, prints.get(probe.memory), tiers, ask)
        for probe in receipt.probes
        for tiers in ("weights", "both")
    ]
    head = space.registry.head()
    removed = set(receipt.adapters_removed)
    if receipt.adapter_before and head and receipt.adapter_before != head.id:
        removed.add(receipt.adapter_before)
    clean = not holding(space.registry, [stone.id for stone in stones])
    kept = any(probe.holds and not probe.by_chance for probe in probes) or receipt.files_holding or not clean
    start = head.parent if head else None
    verified = receipt.files_searched and not receipt.unprobed
    done = replace(
        receipt,
        state="still there" if kept else "forgotten" if verified else "unverified",
        probes=probes,
        adapter_after=head.id if head else None,
        started_from=start,
        adapters_removed=sorted(id for id in removed if not (space.registry.root / id).exists()),
        hashes=_hashes(space),
    )
    write_receipt(space.home, done)
    return done


def _asked(probe: Probe, print_: Fingerprint | None, tiers: str, ask: Ask) -> Probe:
    answer = ask(probe.question, tiers)
    if print_ is None or not print_.holds(answer):
        return replace(probe, tiers=tiers, answer=answer)
    by_chance = print_.holds(ask(probe.question, "before"))
    return replace(probe, tiers=tiers, answer=_masked(answer, print_), holds=True, by_chance=by_chance)


def _masked(answer: str, print_: Fingerprint) -> str:
    needles, forms = (
        tuple(replace(needle, distinctive=True) for needle in kept) for kept in (print_.needles, print_.forms)
    )
    plainly = replace(print_, needles=needles, forms=forms)
    return Scrubber([plainly])(answer)


def _hashes(space: Workspace) -> dict[str, str]:
    """SHA-256 of what was left: the journal, and what the served adapter says of itself."""
    head = space.registry.head()
    files = [space.home.journal_path]
    if head:
        files += [space.registry.root / head.id / name for name in ("manifest.json", "adapter.gguf")]
    return {str(path.relative_to(space.home.path)): sha256_of(path) for path in files}


def withheld(space: Workspace, text: str) -> str:
    """An imported turn as it may be journaled: without what is forgotten."""
    prints = active(space.journal.tombstones())
    if not prints:
        return text
    staying = [memory for memory in space.journal.memories() if memory.state != "forgotten"]
    return eraser(prints, staying, "told")(text)


def lift_told(space: Workspace, texts: Sequence[str]) -> list[str]:
    """Allows again what these turns tell; returns the tombstones' ids."""
    lifted = []
    for stone in space.journal.tombstones():
        print_ = Fingerprint.of_json(stone.fingerprint)
        if stone.lifted_at is None and any(print_.spans(text, "told") for text in texts):
            lifted.append(space.journal.lift(stone.id).id)
    return lifted
