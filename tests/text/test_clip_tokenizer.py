import json
from pathlib import Path

import numpy as np
import pytest

import keras_contrastive as kc
from tests.peers import peer

pytest.importorskip("tokenizers")

pytestmark = pytest.mark.one_backend

WORDS = (
    "A dog's café, naïve RÉSUMÉ 2024! two-toned can't WE'LL 3.14 <b> snow "
    "皇帝 こんにちは привет ΟΔΟΣ שלום 🐕🏽 "
    "👨‍👩‍👧 ½ ﬁsh ① e\u0301 x² don`t #tag @you "
    "http://a.b/c?d=e&f _under_ $5.00 50% ... ?! «quoted» İstanbul ß\u00a0ẞ\t"
).split(" ")
# What ftfy and HTML mean something for.
MENDED = "“curly” it’s &amp;lt; &quot; schÃ¶n ＦＵＬＬ l…\u200b".split(" ")


def strings(rng, words, count=1000):
    return ["", " ", *words] + [
        rng.choice([" ", "", "  ", "\n"]).join(
            rng.choice(words, rng.integers(40))
        )
        for _ in range(count - 2 - len(words))
    ]


def test_equals_open_clip(rng):
    """On a thousand strings, with and without what it mends."""
    open_clip = peer("open_clip")
    pytest.importorskip("ftfy")
    merges = Path(open_clip.__file__).parent / "bpe_simple_vocab_16e6.txt.gz"
    tokenizer = kc.text.clip_tokenizer(merges, fix_text=True)
    expected = open_clip.SimpleTokenizer()
    texts = strings(rng, [*WORDS, *MENDED])
    np.testing.assert_array_equal(tokenizer(texts), expected(texts).numpy())
    assert tokenizer.end_id == expected.eot_token_id
    assert (tokenizer(texts) == tokenizer.end_id).sum(axis=1).max() == 1


def clip_vocabulary(texts):
    """A small one with the structure of CLIP's: its bytes, merges and ends."""
    tokenizers = pytest.importorskip("tokenizers")
    tokenizer = tokenizers.Tokenizer(tokenizers.models.BPE())
    byte_level = tokenizers.pre_tokenizers.ByteLevel
    tokenizer.pre_tokenizer = byte_level(add_prefix_space=False)
    trainer = tokenizers.trainers.BpeTrainer(
        vocab_size=2000,
        end_of_word_suffix="</w>",
        initial_alphabet=byte_level.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator([t.lower() for t in texts], trainer)
    model = json.loads(tokenizer.to_str())["model"]
    ends = {f"{character}</w>" for character in byte_level.alphabet()}
    tokens = [*model["vocab"], *sorted(ends - set(model["vocab"]))]
    tokens += ["<|startoftext|>", "<|endoftext|>"]
    return {token: i for i, token in enumerate(tokens)}, model["merges"]


# Of the vocabulary, and in other letters; a token that the files add.
SPECIAL = [
    "<|endoftext|>",
    "<|startoftext|>",
    "<|ENDOFTEXT|>",
    "a<|endoftext|>dog",
    "<new>",
    "<NEW>",
]


@pytest.mark.parametrize("form", ["tokenizer.json", "vocab.json"])
def test_equals_transformers(form, rng, tmp_path):
    transformers = peer("transformers")
    texts = strings(rng, [*WORDS, *MENDED, *SPECIAL])
    vocabulary, merges = clip_vocabulary(texts)
    expected = transformers.CLIPTokenizer(
        vocab=vocabulary, merges=[tuple(pair) for pair in merges]
    )
    expected.add_tokens(["<new>"])
    expected.save_pretrained(tmp_path)
    if form == "vocab.json":
        (tmp_path / "tokenizer.json").unlink()
        added = {"<new>": len(vocabulary)}
        (tmp_path / "added_tokens.json").write_text(json.dumps(added))
        (tmp_path / form).write_text(json.dumps(vocabulary))
        lines = ["#version: 0.2", *(" ".join(pair) for pair in merges)]
        (tmp_path / "merges.txt").write_text("\n".join(lines), "utf-8")
    tokenizer = kc.text.clip_tokenizer(tmp_path)
    packing = {"padding": "max_length", "truncation": True, "max_length": 77}
    ids = expected(texts, **packing)["input_ids"]
    np.testing.assert_array_equal(tokenizer(texts), ids)
    assert tokenizer("a <|endoftext|> b")[0, 2] == tokenizer.end_id
    assert len(np.unique(ids)) > 200


@pytest.fixture
def folder(tmp_path):
    tokens = "a d</w> o g</w> og</w> ! <|startoftext|> <|endoftext|>".split()
    vocabulary = {token: i for i, token in enumerate(tokens)}
    (tmp_path / "vocab.json").write_text(json.dumps(vocabulary))
    (tmp_path / "merges.txt").write_text("#version: 0.2\no g</w>\n")
    return tmp_path


def test_is_configured_by_the_files(folder):
    tokenizer = kc.text.clip_tokenizer(folder)
    assert tokenizer.context_length == 77
    assert (tokenizer.start_id, tokenizer.end_id, tokenizer.pad_id) == (6, 7, 7)
    (folder / "config.json").write_text(
        json.dumps({"text_config": {"max_position_embeddings": 6}})
    )
    # As that of open_clip's largest model.
    (folder / "tokenizer_config.json").write_text(
        json.dumps({"pad_token": {"content": "!"}, "eos_token": None})
    )
    tokenizer = kc.text.clip_tokenizer(folder)
    np.testing.assert_array_equal(
        tokenizer(["AOG", "d D d D d D"]),
        [[6, 0, 4, 7, 5, 5], [6, 1, 1, 1, 1, 7]],
    )


def test_takes_a_byte_order_mark_and_a_file(folder):
    expected = kc.text.clip_tokenizer(folder)("a dog")
    for name in ("vocab.json", "merges.txt"):
        content = (folder / name).read_text()
        (folder / name).write_text(content, encoding="utf-8-sig")
    tokenizer = kc.text.clip_tokenizer(str(folder))
    np.testing.assert_array_equal(tokenizer("a dog"), expected)
    with pytest.raises(ValueError, match="Received: .*vocab.json"):
        kc.text.clip_tokenizer(folder / "vocab.json")
    (folder / "tokenizer.json").write_text("{}")
    with pytest.raises(ValueError, match="can read. Received: .*tokenizer"):
        kc.text.clip_tokenizer(folder / "tokenizer.json")


def test_of_open_clip_takes_its_length(folder):
    settings = {"model_cfg": {"text_cfg": {"context_length": 9}}}
    (folder / "open_clip_config.json").write_text(json.dumps(settings))
    assert kc.text.clip_tokenizer(folder).context_length == 9
    assert kc.text.clip_tokenizer(folder, 5)("a").shape == (1, 5)


def test_refuses(folder, tmp_path):
    with pytest.raises(ValueError, match="must be a folder with tokenizer"):
        kc.text.clip_tokenizer(folder / "nowhere")
    settings = {"text_cfg": {"tokenizer_kwargs": {"clean": "canonicalize"}}}
    (folder / "open_clip_config.json").write_text(
        json.dumps({"model_cfg": settings})
    )
    with pytest.raises(ValueError, match="`tokenizer_kwargs`.*canonicalize"):
        kc.text.clip_tokenizer(folder)
    (folder / "open_clip_config.json").unlink()
    (folder / "vocab.json").write_text('{"a": 0, "<|endoftext|>": 1}')
    (folder / "merges.txt").write_text("#version: 0.2\n")
    with pytest.raises(ValueError, match="whose ids of them are None and 1"):
        kc.text.clip_tokenizer(folder)
