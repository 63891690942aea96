"""What every generated dashboard must be, whatever is in it."""

import json
import re
from collections import Counter

import pytest

from dashboards.generate import DASHBOARDS, GENERATED, documents
from dashboards.language import LANGUAGES, bands
from dashboards.panels import BAND_COLOURS, PALETTE
from schemas.generate import as_text

FILES = sorted(documents())
OTHER = {"nl": "en", "en": "nl"}


def dashboard(file):
    return json.loads((GENERATED / file).read_text("utf-8"))


def panels(file):
    return [panel for panel in dashboard(file)["panels"] if panel["type"] not in ("row", "text")]


def every_panel(file):
    return [(panel["title"], panel) for panel in panels(file)]


def test_what_is_committed_is_what_the_code_makes():
    found = {str(path.relative_to(GENERATED)): path.read_text("utf-8") for path in GENERATED.rglob("*.json")}

    assert found == {file: as_text(document) for file, document in documents().items()}


def test_there_are_five_in_both_languages():
    assert [f"{t.slug}/{name}.json" for t in LANGUAGES for name in DASHBOARDS] == [
        *("nl/glance.json", "nl/energy.json", "nl/waste.json", "nl/team.json", "nl/quality.json"),
        *("en/glance.json", "en/energy.json", "en/waste.json", "en/team.json", "en/quality.json"),
    ]


def test_their_identities_and_titles_differ():
    found = [dashboard(file) for file in FILES]

    assert [one["uid"] for one in found] == [
        f"groenmeter-{file.split('/')[1].removesuffix('.json')}-{file[:2]}" for file in FILES
    ]
    assert max(Counter(one["title"] for one in found).values()) == 1
    assert {one["id"] for one in found} == {None}


@pytest.mark.parametrize("file", FILES)
def test_every_panel_says_what_it_shows_within_which_boundary_and_as_of_when(file):
    grens, berust, stand = (
        ("**Grens:**", "**Berust op:**", "**Stand van:**")
        if file.startswith("nl")
        else ("**Boundary:**", "**Rests on:**", "**As of:**")
    )
    for title, panel in every_panel(file):
        assert title
        paragraphs = panel["description"].split("\n\n")
        assert len(paragraphs) == 4, title
        assert [paragraphs[1].startswith(grens), paragraphs[2].startswith(berust)] == [True, True], title
        assert paragraphs[3] == f"{stand} ${{as_of}}.", title


@pytest.mark.parametrize("file", FILES)
def test_every_panel_has_a_unit_and_tells_no_data_from_zero(file):
    for title, panel in every_panel(file):
        defaults = panel["fieldConfig"]["defaults"]
        assert defaults["unit"], title
        said = ("geen gegevens", "niets gevonden") if file.startswith("nl") else ("no data", "nothing found")
        assert defaults["noValue"] in said[: 2 if panel["type"] == "table" else 1], title


@pytest.mark.parametrize("file", FILES)
def test_every_panel_and_variable_asks_our_data_source(file):
    ours = {"type": "grafana-postgresql-datasource", "uid": "groenmeter"}
    found = dashboard(file)

    for title, panel in every_panel(file):
        assert panel["datasource"] == ours, title
        assert [target["datasource"] for target in panel["targets"]] == [ours], title
    assert all(one["datasource"] == ours for one in found["templating"]["list"] if one["type"] == "query")


@pytest.mark.parametrize("file", FILES)
def test_panels_have_their_own_numbers_and_titles_and_do_not_overlap(file):
    found = dashboard(file)["panels"]

    assert [panel["id"] for panel in found] == list(range(1, len(found) + 1))
    assert max(Counter(panel["title"] for panel in found if panel["type"] != "row").values()) == 1
    taken = Counter(
        (x, y)
        for place in (panel["gridPos"] for panel in found)
        for x in range(place["x"], place["x"] + place["w"])
        for y in range(place["y"], place["y"] + place["h"])
    )
    assert max(taken.values()) == 1
    assert max(x for x, _ in taken) < 24


@pytest.mark.parametrize("file", FILES)
def test_the_languages_have_the_same_panels(file):
    def shape(name):
        return [(panel["type"], panel["gridPos"]) for panel in dashboard(name)["panels"]]

    assert shape(file) == shape(OTHER[file[:2]] + file[2:])


@pytest.mark.parametrize("file", FILES)
def test_links_lead_to_the_other_language_and_the_other_pages(file):
    found = dashboard(file)
    translation = found["uid"][:-2] + OTHER[file[:2]]

    assert [link["url"] for link in found["links"] if link["type"] == "link"] == [f"/d/{translation}"]
    assert [link["tags"] for link in found["links"] if link["type"] == "dashboards"] == [found["tags"]]
    known = {dashboard(other)["uid"] for other in FILES}
    assert set(re.findall(r"/d/([a-z-]+)", as_text(found))) <= known


@pytest.mark.parametrize("file", FILES)
def test_every_colour_is_of_the_palette_and_no_status_is_a_colour_alone(file):
    text = (GENERATED / file).read_text("utf-8")

    assert set(re.findall(r"#[0-9A-Fa-f]{6}", text)) <= set(PALETTE)
    for _, panel in every_panel(file):
        for override in panel["fieldConfig"]["overrides"]:
            for mapping in (one["value"] for one in override["properties"] if one["id"] == "mappings"):
                words = [option["text"] for entry in mapping for option in entry["options"].values()]
                assert len(set(words)) == len(words)
                assert all(words)


@pytest.mark.parametrize("t", LANGUAGES)
def test_every_band_has_its_own_symbol_beside_its_colour(t):
    words = bands(t)

    assert set(words) == set(BAND_COLOURS)
    assert len({word[0] for word in words.values()}) == len(set(BAND_COLOURS.values())) == len(words)


@pytest.mark.parametrize("file", FILES)
def test_no_threshold_and_no_path_is_written_into_a_dashboard(file):
    for title, panel in every_panel(file):
        assert "thresholds" not in panel["fieldConfig"]["defaults"], title
    text = (GENERATED / file).read_text("utf-8")
    assert not re.search(r"https?://|/home/|/work/|/tmp/|localhost", text)


@pytest.mark.parametrize("file", FILES)
def test_the_panels_are_of_grafana_itself(file):
    core = {"row", "text", "table", "timeseries", "barchart", "stat"}

    assert {panel["type"] for panel in dashboard(file)["panels"]} <= core
