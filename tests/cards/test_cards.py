import tomllib
from pathlib import Path

import pytest

import zoo
from training.release.card_tags import record_tag
from zoo.cards.model_table import TABLE_END, TABLE_START, model_table, update_readme
from zoo.cards.reading import read_card
from zoo.errors import InvalidFile, InvalidValue

ROOT = Path(__file__).resolve().parents[2]
CARDS = sorted(ROOT.glob("zoo/*/*/card.toml"))
DIGEST = "ab" * 32


@pytest.fixture
def card_path(tmp_path, toy_models):
    path = tmp_path / "toy" / "card.toml"
    path.parent.mkdir()
    path.write_bytes((toy_models / "toy" / "card.toml").read_bytes())
    return path


@pytest.mark.parametrize("path", CARDS, ids=[path.parent.name for path in CARDS])
def test_shipped_cards_are_valid_and_complete(path):
    card = read_card(path)
    assert card.summary and card.licence and card.limits
    assert card.task and card.default_tag
    for spec in (*card.inputs, *card.outputs):
        assert spec.description, f"{spec.name} has no description"
    for tag in card.tags.values():
        assert tag.files
        for metric in tag.metrics:
            assert metric.baseline is not None or metric.note or path.parent.parent.name == "baselines"


@pytest.mark.parametrize("path", CARDS, ids=[path.parent.name for path in CARDS])
def test_cards_render(path):
    card = read_card(path)
    page = card.markdown()
    assert page.startswith(f"# {card.title}")
    assert all(f"`{spec.name}`" in page for spec in (*card.inputs, *card.outputs))
    assert all(limit in page for limit in card.limits)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('kind = "set"', 'kind = "sett"', "kind of toy"),
        ('name = "hits"', 'name = "Hits"', "lower-case snake"),
        ('shape = ["B", "N", 3]', 'shape = ["N", 3]', "start with the batch"),
        ('shape = ["B", "N", 3]', 'shape = ["B", "N", 4]', "features of hits"),
        ('mask_of = "hits"', 'mask_of = "hit"', "Did you mean 'hits'"),
        ('summary = "', 'sumary = "', "Did you mean 'summary'"),
        ('task = "test"\n', "", "no task"),
        ('name = "toy"', 'name = "toi"', "the folder is 'toy'"),
        ("[presets.small]", "[presets.small", "is no valid TOML"),
        ("parameters = 130\n", "", "no parameters"),
    ],
)
def test_a_bad_card_says_what_is_wrong(card_path, old, new, message):
    text = card_path.read_text()
    assert old in text
    card_path.write_text(text.replace(old, new, 1))
    with pytest.raises(InvalidFile, match=message) as error:
        read_card(card_path)
    assert str(card_path) in str(error.value)


def test_a_card_with_tags_must_name_one_of_them_as_default(card_path):
    card_path.write_text(
        card_path.read_text() + f'\n[tags.other_v1]\npreset = "small"\nfiles = {{ a = "{DIGEST}" }}\n'
    )
    with pytest.raises(InvalidFile, match="unknown default_tag 'toy_v1'"):
        read_card(card_path)


def test_record_tag_leaves_every_other_byte(card_path):
    text = card_path.read_bytes()
    metrics = [{"name": 'the "width"', "value": 0.01, "error": 0.001, "sample": "a\\b", "limit": None}]
    extra = {"showers": {"electrons": 5}, "note": "x", "unique_showers": [{"split": "test", "n": 3}]}
    card = record_tag(card_path, "toy_v1", {"model.keras": DIGEST}, metrics, preset="small", extra=extra)
    assert card_path.read_bytes().startswith(text.rstrip(b"\n"))
    tag = card.tag()
    assert tag.files == {"model.keras": DIGEST}
    assert tag.metrics[0].name == 'the "width"'
    assert tag.metrics[0].sample == "a\\b"
    assert tag.extra == {
        "note": "x",
        "showers": {"electrons": 5},
        "unique_showers": [{"split": "test", "n": 3}],
    }
    assert [path.name for path in card_path.parent.iterdir()] == ["card.toml"]


def test_record_tag_again_changes_nothing_and_replaces_only_its_own(card_path):
    record_tag(card_path, "toy_v1", {"model.keras": DIGEST}, preset="small", date="2026-01-01")
    record_tag(card_path, "toy_v2", {"model.keras": "cd" * 32}, preset="wide", date="2026-01-02")
    card_path.write_text(card_path.read_text() + "\n# A closing remark.\n[training_data]\nn = 5\n")
    before = card_path.read_bytes()
    record_tag(card_path, "toy_v1", {"model.keras": DIGEST}, preset="small", date="2026-01-01")
    assert card_path.read_bytes() == before
    record_tag(
        card_path, "toy_v1", {"model.keras": "ef" * 32}, preset="small", date="2026-01-01", replace=True
    )
    after = card_path.read_bytes()
    assert after == before.replace(DIGEST.encode(), b"ef" * 32)
    assert tomllib.loads(after.decode())["training_data"] == {"n": 5}


def test_released_tags_are_immutable(card_path):
    record_tag(card_path, "toy_v1", {"model.keras": DIGEST}, preset="small")
    before = card_path.read_bytes()
    with pytest.raises(InvalidValue, match="released tags never change"):
        record_tag(card_path, "toy_v1", {"model.keras": "cd" * 32}, preset="small")
    assert card_path.read_bytes() == before


@pytest.mark.parametrize(
    ("tag", "files", "metrics", "message"),
    [
        ("toy", {"model.keras": DIGEST}, [], "'_v' and an integer"),
        ("toy_v1", {"model.keras": "12"}, [], "64 hexadecimal"),
        ("toy_v1", {"../model.keras": DIGEST}, [], "inside the tag's folder"),
        ("toy_v1", {"model.keras": DIGEST}, [{"name": "x", "value": float("nan")}], "a finite number"),
        ("toy_v1", {"model.keras": DIGEST}, [{"name": "x", "valeu": 1.0}], "Did you mean 'value'"),
    ],
)
def test_a_bad_tag_leaves_the_card_alone(card_path, tag, files, metrics, message):
    before = card_path.read_bytes()
    with pytest.raises((InvalidFile, InvalidValue), match=message):
        record_tag(card_path, tag, files, metrics, preset="small")
    assert card_path.read_bytes() == before
    assert [path.name for path in card_path.parent.iterdir()] == ["card.toml"]


def test_table_shows_model_baseline_and_limit(card_path):
    metric = {
        "name": "width",
        "value": 0.0123,
        "error": 0.0004,
        "baseline": 0.02,
        "baseline_name": "BDT",
        "limit": 0.01,
    }
    card = record_tag(card_path, "toy_v1", {"model.keras": DIGEST}, [metric], preset="small")
    row = model_table([card]).splitlines()[2]
    assert "| `toy` |" in row
    assert "width: 0.0123 ± 0.0004 | 0.02 (BDT) | 0.01 |" in row
    assert "`toy.toy_v1` | 130 |" in row


def test_update_readme_rewrites_between_the_markers_alone(tmp_path, card_path):
    readme = tmp_path / "README.md"
    readme.write_text(f"# Title\n\n{TABLE_START}\nold\n{TABLE_END}\n\nafter\n")
    assert update_readme(readme, [read_card(card_path)])
    text = readme.read_text()
    assert text.startswith(f"# Title\n\n{TABLE_START}\n| model |")
    assert text.endswith(f"{TABLE_END}\n\nafter\n")
    assert not update_readme(readme, [read_card(card_path)])
    readme.write_text("# Title\n")
    with pytest.raises(InvalidFile, match="lacks the lines"):
        update_readme(readme, [read_card(card_path)])


def test_the_readme_is_current():
    readme = ROOT / "README.md"
    if not readme.is_file() or TABLE_START not in readme.read_text(encoding="utf-8"):
        pytest.skip("README.md has no model table yet")
    text = readme.read_text(encoding="utf-8")
    names = zoo.list_models() + zoo.list_models(kind="baseline")
    table = text[text.index(TABLE_START) + len(TABLE_START) : text.index(TABLE_END)].strip("\n")
    assert table == model_table([zoo.info(name) for name in names]).strip("\n"), (
        "run: zoo list --update README.md"
    )
