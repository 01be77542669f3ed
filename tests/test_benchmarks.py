"""The benchmarks' own parts that can be wrong without anybody noticing: the input, the clock, the table."""

import numpy as np
import pytest

import zoo
from benchmarks.subjects import SUBJECTS, Subject, of_records
from benchmarks.table import markdown
from benchmarks.timing import Row, in_turn, print_and_write
from benchmarks.timing_input import showers
from zoo.models.drn.events import validate
from zoo.models.supercluster import events


def test_timing_input_has_the_published_sizes_and_batches_cycle():
    made = showers()
    assert len(made.counts) == 4096 and made.counts.min() == 5 and made.counts.max() == 100
    assert abs(made.counts.mean() - 29.8) < 0.1
    part = made.batch(4095, 2)
    assert part.counts.tolist() == [made.counts[-1], made.counts[0]]
    np.testing.assert_array_equal(
        part.hits, np.concatenate([made.hits[-made.counts[-1] :], made.hits[: made.counts[0]]])
    )


def test_timing_input_is_valid_and_agrees_with_the_copy_for_the_public_networks():
    made = showers().batch(0, 256)
    validate(made.inputs())
    assert made.inputs()["hit_mask"].sum() == made.counts.sum()
    np.testing.assert_allclose(made.scaled[:, 3] * 250.0, made.hits[:, 2], rtol=1e-5)
    raw = np.add.reduceat(made.hits[:, 2], np.cumsum(made.counts) - made.counts)
    np.testing.assert_allclose(made.event[:, 1] / raw, 0.05 * made.context[:, 1], rtol=1e-4)


def test_contenders_alternate_and_see_the_data_of_each_round_once():
    calls, made = [], iter("vwxyz")
    contenders = {name: lambda data, name=name: calls.append((data, name)) for name in "ab"}
    found = in_turn(contenders, lambda number: (number, next(made)), 0.0)
    assert calls == [((number, data), name) for number, data in enumerate("vwxyz") for name in "ab"]
    assert set(found) == {"a", "b"}


def test_batches_of_records_cycle():
    asked = []
    batch = of_records("supercluster", lambda: asked.append(1) or events.sample(7, 3))
    part, whole = batch(5, 4), events.to_inputs(events.sample(7, 3))
    for row, of in enumerate((5, 6, 0, 1)):
        n = int(whole["cluster_mask"][of].sum())
        np.testing.assert_array_equal(part.inputs["clusters"][row, :n], whole["clusters"][of, :n])
        assert part.inputs["cluster_mask"][row].sum() == n
    assert part.targets["energy_gev"].shape == (4,)
    assert batch(0, 2).inputs["hits"].shape[0] == 2 and asked == [1]


def test_figures_are_rates_or_times_of_an_object_with_their_goals():
    rate = Subject("drn", (), lambda *_: None, "showers/CPU-s", {"a, batch 64": ">= 5"})
    assert rate.speed("a, batch 64", 0.5, 64) == Row("drn a, batch 64", 128.0, "showers/CPU-s", ">= 5")
    time = Subject("supercluster", (), lambda *_: None, "CPU-ms/window")
    assert time.speed("b", 0.5, 64) == Row("supercluster b", 7.8125, "CPU-ms/window")


@pytest.mark.parametrize("subject", SUBJECTS.values(), ids=SUBJECTS)
def test_subjects_are_presets_of_cards(subject):
    assert set(subject.presets) <= set(zoo.info(subject.model).presets)
    assert {goal.split(",")[0] for goal in subject.goals} <= set(subject.presets)


def test_rows_replace_those_of_their_name_and_a_stopped_run_leaves_the_file(tmp_path, capsys):
    path = tmp_path / "made" / "result.csv"
    print_and_write([Row("a, rate", 12345.6, "1/s", ">= 5")], path)
    assert path.read_text() == 'what,value,unit,goal\n"a, rate",1.235e+04,1/s,>= 5\n'
    assert "a, rate" in capsys.readouterr().out

    print_and_write([Row("b", 2.0, "s")], path)
    print_and_write([Row("a, rate", 3.0, "1/s", ">= 5")], path)
    assert path.read_text() == 'what,value,unit,goal\n"a, rate",3,1/s,>= 5\nb,2,s,\n'

    def stopped():
        yield Row("new", 1.0, "s")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        print_and_write(stopped(), path)
    assert path.with_suffix(".tmp").read_text().splitlines()[1:] == ["new,1,s,"]
    assert "a, rate" in path.read_text()


def test_table_renders_large_and_small_numbers(tmp_path):
    path = tmp_path / "result.csv"
    path.write_text('what,value,unit,goal\na rate,12345.6,1/s,">= 5,000"\na time,0.4567,s,\n')
    assert markdown(path).splitlines()[2:] == [
        "| a rate | 12,346 | 1/s | >= 5,000 |",
        "| a time | 0.457 | s |  |",
    ]
