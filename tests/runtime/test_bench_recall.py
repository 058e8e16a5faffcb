"""The recall benchmark reads LoCoMo's own format, refuses others, and misses the targets that it did not
measure.
"""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest
from hashed_embedder import HashedEmbedder

from dormouse.memory.errors import BadInput
from dormouse.runtime.bench import recall
from dormouse.runtime.bench.locomo import read_locomo
from dormouse.runtime.bench.report import write_report
from dormouse.runtime.spec import Spec

CONVERSATION = {
    "sample_id": "conv-1",
    "conversation": {
        "speaker_a": "Ada",
        "speaker_b": "Bo",
        "session_1_date_time": "1:56 pm on 8 May, 2023",
        "session_1": [
            {"speaker": "Ada", "dia_id": "D1:1", "text": "My boat is called Zorbal."},
            {"speaker": "Bo", "dia_id": "D1:2", "text": "I prefer rice."},
        ],
        "session_2_date_time": "no time",
        "session_2": [{"speaker": "Ada", "dia_id": "D2:1", "text": "The quay was icy."}],
    },
    "qa": [
        {"question": "What is the boat called?", "answer": "Zorbal", "evidence": ["D1:1"], "category": 4},
        {"question": "Where, and what?", "answer": "", "evidence": ["D1:02; D2:1"], "category": 1},
        {"question": "What did nobody say?", "answer": "", "evidence": ["D1:1"], "category": 5},
        {"question": "What has no evidence?", "answer": "", "evidence": [], "category": 4},
    ],
}


@pytest.fixture
def data(tmp_path: Path) -> Path:
    path = tmp_path / "locomo10.json"
    path.write_text(json.dumps([CONVERSATION]))
    return path


def test_the_file_is_read_with_its_evidence(data: Path) -> None:
    (conversation,) = read_locomo(data)
    assert [(e.id, e.session, e.speaker) for e in conversation.episodes][2] == (3, "session 2", "Ada")
    assert f"{conversation.episodes[0].at:%Y-%m-%d %H:%M}" == "2023-05-08 13:56"
    assert [sorted(question.evidence) for question in conversation.questions] == [[1], [2, 3]]


@pytest.mark.parametrize("text", ["", "[]", "{}", "[1]", '[{"qa": 1}]', '{"a": {"qa": []}}'])
def test_another_file_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "other.json"
    path.write_text(text)
    with pytest.raises(BadInput, match=r"other\.json"):
        read_locomo(path)


def test_figures_plots_and_missed_targets(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recall, "open_embedder", lambda *_: HashedEmbedder())
    monkeypatch.setattr(recall, "_TIMED", 5)
    report = recall.bench_recall(Spec(), data, 300, 0, lambda sentence: None)
    assert report.figures["recall_at_10"].mean == 1.0 and report.figures["recall_at_10"].n == 2
    assert report.figures["large_memories"].mean == 300 and report.figures["large_query_ms_p95"].mean > 0
    assert {target.figure: target.got is not None for target in report.targets} == dict.fromkeys(
        ["recall_at_10", "recall_at_20", "query_ms_p50", "large_query_ms_p95", "large_add_ms_p95"], True
    )
    write_report(report, tmp_path)
    drawn = ElementTree.parse(tmp_path / "recall.svg")
    words = [each.text for each in drawn.iter("{http://www.w3.org/2000/svg}text")]
    assert "the others" in words and "among the first 20" in words
    assert "question, large store" in (tmp_path / "recall_times.svg").read_text()
    without = recall.bench_recall(Spec(), None, 0, 0, lambda sentence: None)
    assert not without.passed and not any(target.met for target in without.targets)
