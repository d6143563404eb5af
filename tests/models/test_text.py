import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from memramp.errors import InputError
from memramp.models import text_files
from memramp.models.character_set import MAX_VOCABULARY, TEXT_SPLITS, from_texts, symbols_of
from memramp.models.penn_treebank import CHARACTER_FILES, WORD_FILES
from memramp.models.python_topics import TOPICS_VOCABULARY, part_of, sentences, split_topics
from memramp.models.text import TextTask, load_characters

WORDS = {
    "training": " the cat <unk> sat on N mats \n its end is near \n" * 5,
    "validation": " the cat sat \n" * 12,
    "testing": " its mats \n" * 12,
}


def write(folder, name, content):
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def one_file(path, **settings):
    return load_characters(TextTask(kind="text", file=path, **settings))


def three_files(folder, **texts):
    given = dict.fromkeys(TEXT_SPLITS, "abc\n" * 50) | texts
    paths = {split: write(folder, f"{split}.txt", content) for split, content in given.items()}
    return load_characters(TextTask(kind="text", **paths))


def ptb(root):
    return load_characters(TextTask(kind="ptb", root=root))


def as_words(folder, texts=WORDS):
    for split, name in WORD_FILES.items():
        write(folder, name, texts[split])
    return folder


def as_characters(folder, end=""):
    for split, name in CHARACTER_FILES.items():
        lines = (" ".join(line.strip().replace(" ", "_") + end) for line in WORDS[split].splitlines())
        write(folder, name, "".join(f" {line} \n" for line in lines))
    return folder


def parts(characters):
    return {split: characters.text(split) for split in TEXT_SPLITS}


# --- the set


def test_parts_are_indices_into_the_sorted_vocabulary(tmp_path):
    data = three_files(tmp_path, training="cab\n" * 50, validation="a\n" * 100)
    assert data.vocabulary == ("\n", "a", "b", "c")
    np.testing.assert_array_equal(data.training, np.tile([3, 1, 2, 0], 50))
    np.testing.assert_array_equal(data.part("validation"), np.tile([1, 0], 100))
    assert data.training.dtype == np.uint8
    assert data.text("testing") == "abc\n" * 50
    assert data.description == "training.txt, 200 / 200 / 200 symbols of 4"


@pytest.mark.parametrize(("symbols", "kind"), [(256, np.uint8), (257, np.uint16)])
def test_type_grows_with_the_vocabulary(tmp_path, symbols, kind):
    text = "".join(chr(0x100 + i) for i in range(symbols)) * 20
    data = one_file(write(tmp_path, "a.txt", text))
    assert {data.part(split).dtype for split in TEXT_SPLITS} == {np.dtype(kind)}
    assert "".join(parts(data).values()) == text


def test_hash_is_that_of_parts_and_vocabulary():
    def digest(training="ab" * 60, validation="a" * 120, vocabulary="ab"):
        texts = {"training": training, "validation": validation, "testing": "b" * 120}
        return from_texts(texts, tuple(vocabulary), "", dict.fromkeys(TEXT_SPLITS, "")).sha256

    digests = [digest(), digest("ab" * 61), digest(validation="a" * 121), digest(vocabulary="abc")]
    moved = digest("ab" * 60 + "a", "a" * 119)
    assert digest() == digests[0]
    assert len({*digests, moved}) == 5
    assert len(moved) == 64


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=100))
def test_any_text_comes_back(text):
    texts = {"training": text, "validation": text[::-1], "testing": text}
    data = from_texts(texts, symbols_of(text), "any", dict.fromkeys(TEXT_SPLITS, "any"))
    assert parts(data) == texts
    assert list(data.vocabulary) == sorted(set(text))


# --- a checkpoint's vocabulary


def test_text_for_another_vocabulary_is_the_same_text(tmp_path):
    data = three_files(tmp_path)
    other = data.encoded_for(("c", "b", "\n", "x", "a"), "net.safetensors")
    assert parts(other) == parts(data)
    assert other.training[:4].tolist() == [4, 1, 0, 2]
    assert other.description == data.description
    assert other.sha256 != data.sha256
    assert other.encoded_for(data.vocabulary, "back").sha256 == data.sha256


def test_symbols_that_do_not_occur_are_not_asked_for(tmp_path):
    data = three_files(tmp_path).encoded_for(("\n", "a", "b", "c", "z"), "wide")
    assert data.encoded_for(("\n", "a", "b", "c"), "narrow").vocabulary == ("\n", "a", "b", "c")


def test_all_symbols_that_a_vocabulary_lacks_are_named(tmp_path):
    data = three_files(tmp_path, training="abc\né" * 50)
    with pytest.raises(InputError, match=r"net\.safetensors: its vocabulary lacks the symbols '\\n', '\\xe9' of the"):
        data.encoded_for(("a", "b", "c"), "net.safetensors")


def test_a_long_list_of_symbols_is_cut(tmp_path):
    data = one_file(write(tmp_path, "a.txt", "abcdefghijklmnop" * 130))
    with pytest.raises(InputError, match=r"'a', 'b'.*'j' and 6 more of the text"):
        data.encoded_for(("z",), "net")


@pytest.mark.parametrize(
    ("vocabulary", "message"),
    [
        (("\n", "a", "b", "c", "a"), "net: 'a' stands twice"),
        (("\n", "a", "bc"), "net: the vocabulary has 'bc', allowed are single characters"),
        (("", "a"), "net: the vocabulary has ''"),
        ((), "net: a vocabulary of 0 symbols, allowed are 1 to 1000"),
        (tuple(chr(i) for i in range(MAX_VOCABULARY + 1)), "1001 symbols"),
    ],
)
def test_broken_vocabularies_are_refused(tmp_path, vocabulary, message):
    with pytest.raises(InputError, match=message):
        three_files(tmp_path).encoded_for(vocabulary, "net")


# --- the task block


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"root": "a"}, r"python_topics takes no root \(no other key\)"),
        ({"kind": "ptb", "file": "a"}, r"ptb takes no file \(only root\)"),
        ({"kind": "ptb", "testing_fraction": 0.1}, "ptb takes no testing_fraction"),
        ({"kind": "text", "root": "a"}, "text takes no root"),
        ({"kind": "text", "file": "a", "testing": "b"}, "found both"),
        ({"kind": "text", "testing_fraction": 0}, "greater than 0"),
        ({"kind": "text", "validation_fraction": 0.5}, "less than 0.5"),
        ({"kind": "enwik8"}, "'python_topics', 'ptb' or 'text'"),
        ({"files": "a"}, "files"),
    ],
)
def test_tasks_that_do_not_exist_are_refused(settings, message):
    with pytest.raises(ValidationError, match=message):
        TextTask.model_validate(settings)


@pytest.mark.parametrize("task", [TextTask(), TextTask(kind="ptb", root="a"), TextTask(kind="text", file="a")])
def test_a_task_written_out_is_the_same_task(task):
    assert TextTask.model_validate(task.model_dump()) == task


# --- files of one's own


def test_one_file_is_cut_behind_line_ends(tmp_path):
    text = "".join(f"line {i:04}\n" for i in range(400))
    data = one_file(write(tmp_path, "a.txt", text))
    assert "".join(parts(data).values()) == text
    assert [len(data.part(split)) for split in TEXT_SPLITS] == [3600, 200, 200]
    assert all(part.startswith("line") and part.endswith("\n") for part in parts(data).values())


def test_one_line_is_cut_at_the_fractions(tmp_path):
    data = one_file(write(tmp_path, "a.txt", "ab" * 1000), validation_fraction=0.2, testing_fraction=0.1)
    assert [len(data.part(split)) for split in TEXT_SPLITS] == [1400, 400, 200]


def test_vocabulary_of_one_file_is_that_of_all_of_it(tmp_path):
    assert one_file(write(tmp_path, "a.txt", "ab" * 2000 + "z")).vocabulary == ("a", "b", "z")


@given(st.text(st.sampled_from("ab\n"), min_size=600), st.floats(0.01, 0.49), st.floats(0.01, 0.49))
def test_any_cut_loses_nothing(tmp_path_factory, text, validation, testing):
    path = write(tmp_path_factory.getbasetemp(), "cut.txt", text)
    try:
        data = one_file(path, validation_fraction=validation, testing_fraction=testing)
    except InputError as error:
        assert "too few" in str(error)  # noqa: PT017
    else:
        assert "".join(parts(data).values()) == text


def test_byte_order_mark_and_line_ends_of_two_characters_vanish(tmp_path):
    plain = three_files(tmp_path)
    assert three_files(tmp_path, training=b"\xef\xbb\xbf" + b"abc\r\n" * 50).sha256 == plain.sha256


def test_three_files_share_the_vocabulary_of_the_training_part(tmp_path):
    assert three_files(tmp_path, testing="aab\n" * 50).vocabulary == ("\n", "a", "b", "c")
    with pytest.raises(InputError, match=r"validation\.txt: has the symbols 'X', 'Y', absent from the vocabulary"):
        three_files(tmp_path, validation="XaYb" * 50)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", r"a\.txt: is empty"),
        (b"\xef\xbb\xbf", r"a\.txt: is empty"),
        (b"short", r"a\.txt: 4 characters are too few for training"),
        (b"a" * 500, r"a\.txt: 25 characters are too few for validation \(at least 100\)"),
        (b"a" * 3000 + b"\xff", r"a\.txt: not UTF-8 text \(byte 3000\)"),
        (b"\xef\xbb\xbf" + b"a" * 3000 + b"\xff", r"not UTF-8 text \(byte 3003\)"),
        ("text".encode("utf-16"), r"not UTF-8 text \(byte 0\)"),
        (b"a\0b" * 1000, r"a\.txt: no text, byte 1 is zero"),
        ("".join(map(chr, range(0x4E00, 0x4E00 + 1001))) * 3, "1001 different characters, allowed are at most 1000"),
    ],
)
def test_files_that_are_no_text_are_refused(tmp_path, content, message):
    with pytest.raises(InputError, match=message):
        one_file(write(tmp_path, "a.txt", content))


@given(st.binary(max_size=3000))
def test_any_bytes_are_read_or_refused_in_one_sentence(tmp_path_factory, content):
    path = write(tmp_path_factory.getbasetemp(), "bytes.txt", content)
    try:
        one_file(path)
    except InputError as error:
        assert str(error).startswith(str(path))  # noqa: PT017
        assert "\n" not in str(error)  # noqa: PT017


def test_files_larger_than_the_limit_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(text_files, "MAX_TEXT_BYTES", 2999)
    with pytest.raises(InputError, match="too large"):
        one_file(write(tmp_path, "a.txt", "a" * 3000))


def test_files_missing_or_not_set_are_named(tmp_path):
    with pytest.raises(InputError, match=r"none\.txt: no such file"):
        one_file(tmp_path / "none.txt")
    with pytest.raises(InputError, match="is a directory"):
        one_file(tmp_path)
    with pytest.raises(InputError, match=r"task\.training: no text is set.*--set task\.file=FILE"):
        load_characters(TextTask(kind="text"))
    with pytest.raises(InputError, match=r"task\.testing: no text is set"):
        load_characters(TextTask(kind="text", training=tmp_path, validation=tmp_path))


# --- the Penn Treebank


def test_words_become_characters_with_line_ends(tmp_path):
    data = ptb(as_words(tmp_path))
    assert data.text("training") == "the_cat_<unk>_sat_on_N_mats\nits_end_is_near\n" * 5
    assert data.text("testing") == "its_mats\n" * 12
    assert data.vocabulary == tuple(sorted("\n_<>acdehikmnorstuN"))
    assert data.description.startswith("Penn Treebank, 220 / 144 / 108 symbols of 19")


@pytest.mark.parametrize("end", ["", "_"])
def test_character_files_give_what_word_files_give(tmp_path, end):
    (tmp_path / "words").mkdir()
    characters = as_characters(tmp_path, end)
    assert ptb(characters).sha256 == ptb(as_words(tmp_path / "words")).sha256


def test_word_files_come_first(tmp_path):
    as_characters(tmp_path)
    texts = WORDS | {"testing": "the end\n" * 15}
    assert ptb(as_words(tmp_path, texts)).text("testing") == "the_end\n" * 15


def test_character_files_are_read_where_a_word_file_is_missing(tmp_path):
    as_characters(as_words(tmp_path))
    (tmp_path / "ptb.test.txt").unlink()
    assert ptb(tmp_path).text("testing") == "its_mats\n" * 12


def test_last_line_needs_no_end(tmp_path):
    whole = ptb(as_words(tmp_path)).sha256
    assert ptb(as_words(tmp_path, {split: text.rstrip() for split, text in WORDS.items()})).sha256 == whole


def test_treebank_missing_says_where_users_have_it_from(tmp_path):
    with pytest.raises(InputError, match=r"task\.root: .*not set; .*LDC.*simple-examples.*--set task\.root=DIR"):
        load_characters(TextTask(kind="ptb"))
    with pytest.raises(InputError, match=r"none: no such folder of the Penn Treebank; .*simple-examples"):
        ptb(tmp_path / "none")
    with pytest.raises(InputError, match=r"ptb\.train\.txt of the Penn Treebank is missing; .*simple-examples"):
        ptb(tmp_path)
    write(tmp_path, "ptb.char.train.txt", "a b")
    with pytest.raises(InputError, match=r"ptb\.char\.valid\.txt of the Penn Treebank is missing"):
        ptb(tmp_path)


def test_symbols_that_are_not_in_the_training_part_are_refused(tmp_path):
    with pytest.raises(InputError, match=r"ptb\.test\.txt: has the symbol '\$', absent"):
        ptb(as_words(tmp_path, WORDS | {"testing": "its $ mats\n" * 12}))


def test_characters_in_word_files_and_the_other_way_round_are_refused(tmp_path):
    with pytest.raises(InputError, match=r"ptb\.train\.txt, line 2: a word has '_'.*ptb\.char\.train\.txt"):
        ptb(as_words(tmp_path, WORDS | {"training": "the\nc a t _ s a t\n" * 50}))
    (tmp_path / "ptb.test.txt").unlink()
    as_characters(tmp_path)
    write(tmp_path, "ptb.char.valid.txt", "c a t\nthe cat\n")
    with pytest.raises(InputError, match=r"ptb\.char\.valid\.txt, line 2: 'the' is no single character"):
        ptb(tmp_path)


# --- the topics of Python's documentation


@pytest.fixture(scope="module")
def topics():
    return load_characters(TextTask())


def test_default_text_comes_with_python(topics):
    version = ".".join(map(str, sys.version_info[:3]))
    assert topics.description.startswith(f"prose of the documentation topics of Python {version}, ")
    assert topics.vocabulary == TOPICS_VOCABULARY
    assert len(topics.vocabulary) == 50
    assert load_characters(TextTask()).sha256 == topics.sha256


def test_topics_are_split_about_ninety_to_five_to_five(topics):
    sizes = np.array([len(topics.part(split)) for split in TEXT_SPLITS])
    np.testing.assert_allclose(sizes / sizes.sum(), [0.9, 0.05, 0.05], atol=0.015)
    assert sizes.sum() > 200_000


def test_no_sentence_stands_twice_or_in_two_parts(topics):
    lines = [line for split in TEXT_SPLITS for line in topics.text(split).splitlines()]
    assert len(lines) == len(set(lines))


def test_parts_share_next_to_no_passages(topics):
    training = topics.text("training")
    known = {training[i : i + 40] for i in range(len(training) - 39)}
    for split in ("validation", "testing"):
        text = topics.text(split)
        passages = [text[i : i + 40] for i in range(len(text) - 39)]
        assert sum(passage in known for passage in passages) < 0.02 * len(passages)


def test_text_is_prose(topics):
    text = topics.text("training")
    assert not any(sign in text for sign in ("::=", "==", ">>>", "  ", "**", "``", "|"))
    assert sum(character.isalpha() or character == " " for character in text) > 0.93 * len(text)


def test_a_topic_keeps_its_part():
    # The names of topics do not change between versions, nor does this.
    assert [name for name in ("customization", "lists", "string-methods", "types") if part_of(name) == "testing"] == [
        "customization",
        "lists",
    ]
    assert part_of("string-methods") == "validation"


def test_sentences_of_a_topic():
    topic = (
        'The "with" statement\n********************\n\n'
        'The "with" statement is used \u2014 see\nsection \u201cManagers\u201d \u2013 for post-\n'
        "mortem debugging[1] (see *more*).  It isn\u2019t hard at all\u2026\n\n"
        '   with_stmt ::= "with" item\n\n'
        "  with open(name) as file:\n      use(file)\n\n"
        "* The items of a list are ordered.\n\n"
        "+----+----+\n| a  | is a thing that is here.|\n\n"
        'Lists\n   The items can be changed: "x = 1" is one. Lists grow as they are filled.\n\n'
        "[1] The footnote of a topic.\n"
    )
    assert list(sentences(topic)) == [
        "the with statement is used - see section managers - for post-mortem debugging (see more).",
        "it isn't hard at all...",
        "the items of a list are ordered.",
        "lists grow as they are filled.",
        "the footnote of a topic.",
    ]


def test_shared_sentences_go_to_the_smaller_part():
    shared = "This very sentence stands in both.\n\n"
    texts = split_topics(
        {
            "types": shared + "Only the training has this.",
            "lists": shared,
            "string-methods": shared + "It is for validation.",
        }
    )
    assert texts == {
        "testing": "this very sentence stands in both.\n",
        "validation": "it is for validation.\n",
        "training": "only the training has this.\n",
    }


def test_order_of_topics_does_not_matter():
    from pydoc_data.topics import topics

    assert split_topics(topics) == split_topics(dict(reversed(topics.items())))


@given(st.text())
def test_sentences_of_any_text_are_in_the_vocabulary(text):
    for line in sentences(text):
        assert set(line) <= set(TOPICS_VOCABULARY) - {"\n"}


def test_python_without_topics_says_so(monkeypatch):
    monkeypatch.setitem(sys.modules, "pydoc_data.topics", None)
    with pytest.raises(InputError, match=r"pydoc_data\.topics, which this Python lacks.*kind: text, file: FILE"):
        load_characters(TextTask())


# --- real data


@pytest.mark.data
def test_real_treebank_has_the_known_size(data_root):
    data = ptb(data_root / "ptb")
    assert [len(data.part(split)) for split in TEXT_SPLITS] == [5_017_482, 393_042, 442_423]
    assert len(data.vocabulary) == 50
    assert len(np.unique(data.testing)) == 48


@pytest.mark.data
def test_tiny_shakespeare_is_a_text_file(data_root):
    data = one_file(data_root / "tinyshakespeare" / "input.txt")
    assert sum(len(data.part(split)) for split in TEXT_SPLITS) == 1_115_394
    assert len(data.vocabulary) == 65
