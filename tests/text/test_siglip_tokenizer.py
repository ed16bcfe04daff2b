"""SigLIP's, SigLIP 2's and CLIPA's tokenizers, on vocabularies made here."""

import json
import sys

import numpy as np
import pytest

import keras_contrastive as kc
from tests.peers import peer
from tests.text.test_clip_tokenizer import MENDED
from tests.text.test_clip_tokenizer import WORDS
from tests.text.test_clip_tokenizer import strings

tokenizers = pytest.importorskip("tokenizers")

pytestmark = pytest.mark.one_backend

SPECIAL = ["</s>", "<eos>", "under_score", "_", "...", "Σας ΟΔΟΣ"]


@pytest.fixture(scope="module")
def texts():
    return strings(np.random.default_rng(0), [*WORDS, *MENDED, *SPECIAL], 300)


def unigram(folder, texts, special=("<pad>", "</s>", "<unk>")):
    """A tokenizer.json as T5's, which open_clip's checkpoints come with.

    With "<s>" among the special tokens, as XLM-R's.
    """
    tokenizer = tokenizers.Tokenizer(tokenizers.models.Unigram())
    tokenizer.normalizer = tokenizers.normalizers.NFKC()
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.Sequence(
        [
            tokenizers.pre_tokenizers.WhitespaceSplit(),
            tokenizers.pre_tokenizers.Metaspace(),
        ]
    )
    trainer = tokenizers.trainers.UnigramTrainer(
        vocab_size=400,
        special_tokens=list(special),
        unk_token="<unk>",
        show_progress=False,
    )
    lower = [text.lower() for text in texts if "</s>" not in text]
    tokenizer.train_from_iterator(lower, trainer)
    has_start = "<s>" in special
    tokenizer.post_processor = tokenizers.processors.TemplateProcessing(
        single="<s> $A </s>" if has_start else "$A </s>",
        special_tokens=[
            (token, special.index(token))
            for token in ("<s>", "</s>")
            if token in special
        ],
    )
    tokenizer.save(str(folder / "tokenizer.json"))
    names = {"eos_token": "</s>", "pad_token": "</s>", "unk_token": "<unk>"}
    if has_start:
        names |= {"bos_token": "<s>", "pad_token": "<pad>"}
    kind = {"tokenizer_class": "PreTrainedTokenizerFast"}
    (folder / "tokenizer_config.json").write_text(json.dumps(names | kind))
    return folder


def open_clip_config(folder, **text):
    settings = {"model_cfg": {"vision_cfg": {}, "text_cfg": text}}
    (folder / "open_clip_config.json").write_text(json.dumps(settings))


def packed(tokenizer, texts, length):
    packing = {"padding": "max_length", "truncation": True}
    return tokenizer(texts, max_length=length, **packing)["input_ids"]


@pytest.mark.parametrize("clean", ["canonicalize", "lower", "whitespace"])
def test_equals_open_clip(clean, texts, tmp_path):
    open_clip = peer("open_clip")
    pytest.importorskip("ftfy")
    folder = unigram(tmp_path, texts)
    open_clip_config(
        folder,
        hf_tokenizer_name="timm/ViT-B-16-SigLIP",
        tokenizer_kwargs={"clean": clean},
        context_length=16,
    )
    expected = open_clip.tokenizer.HFTokenizer(
        str(folder), context_length=16, clean=clean
    )
    tokenizer = kc.text.clip_tokenizer(folder, fix_text=True)
    ids = tokenizer(texts)
    np.testing.assert_array_equal(ids, expected(texts).numpy())
    assert (ids[:, -1] == 1).all() and len(np.unique(ids)) > 50


def test_equals_transformers_for_xlm_r(texts, tmp_path):
    transformers = pytest.importorskip("transformers")
    folder = unigram(tmp_path, texts, ("<s>", "<pad>", "</s>", "<unk>"))
    open_clip_config(
        folder,
        hf_model_name="xlm-roberta-base",
        hf_tokenizer_name="xlm-roberta-base",
        hf_pooler_type="mean_pooler",
    )
    ids = kc.text.clip_tokenizer(folder)(texts)
    library = transformers.AutoTokenizer.from_pretrained(folder)
    cleaned = [" ".join(text.split()) for text in texts]
    np.testing.assert_array_equal(ids, packed(library, cleaned, 77))
    assert (ids[:, 0] == 0).all() and (ids == 1).any() and (ids == 2).any()
    short = kc.text.clip_tokenizer(folder, context_length=6)(texts)
    np.testing.assert_array_equal(short, packed(library, cleaned, 6))


def test_equals_open_clip_for_clipa(texts, tmp_path):
    """BERT's vocabulary, whose end becomes the padding."""
    open_clip, transformers = peer("open_clip"), peer("transformers")
    pytest.importorskip("ftfy")
    vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "dog", "s"]
    vocabulary += [f"##{letter}" for letter in "abcdefghijklmnopqrstuvwxyz"]
    vocabulary += list("bcdefghijklmnopqrtuvwxyz0123456789.,!?'-")
    transformers.BertTokenizer(
        vocab={token: i for i, token in enumerate(vocabulary)}
    ).save_pretrained(tmp_path)
    kwargs = {"strip_sep_token": True}
    open_clip_config(
        tmp_path,
        hf_tokenizer_name="bert-base-uncased",
        tokenizer_kwargs=kwargs,
        context_length=8,
    )
    expected = open_clip.tokenizer.HFTokenizer(
        str(tmp_path), context_length=8, **kwargs
    )
    tokenizer = kc.text.clip_tokenizer(tmp_path, fix_text=True)
    ids = tokenizer(texts)
    np.testing.assert_array_equal(ids, expected(texts).numpy())
    assert (ids[:, 0] == 2).all() and not (ids == 3).any()


def test_texts_of_siglip_are_canonical(texts, tmp_path):
    """As transformers' SiglipTokenizer makes them, which another test needs
    the package sentencepiece for."""
    folder = unigram(tmp_path, texts)
    (folder / "config.json").write_text(json.dumps({"model_type": "siglip"}))
    tokenizer = kc.text.clip_tokenizer(folder)
    assert tokenizer.context_length == 64
    assert (tokenizer.start_id, tokenizer.end_id, tokenizer.pad_id) == (
        *(None, 1, 1),
    )
    one, other = tokenizer(["A  DOG's under_score, ...!", "a dogs underscore"])
    np.testing.assert_array_equal(one, other)
    library = tokenizers.Tokenizer.from_file(str(folder / "tokenizer.json"))
    ids = library.encode("a dogs underscore").ids
    np.testing.assert_array_equal(one[: len(ids)], ids)
    (folder / "config.json").write_text(
        json.dumps(
            {"model_type": "siglip_text_model", "max_position_embeddings": 9}
        )
    )
    assert kc.text.clip_tokenizer(folder)("a").shape == (1, 9)


@pytest.mark.parametrize("form", ["spiece.model", "tokenizer.json"])
def test_equals_transformers_for_siglip(form, texts, tmp_path):
    spm = pytest.importorskip("sentencepiece")
    peer("transformers")
    from transformers.models.siglip.tokenization_siglip import SiglipTokenizer

    (tmp_path / "texts").write_text("\n".join(texts), "utf-8")
    spm.SentencePieceTrainer.train(
        input=str(tmp_path / "texts"),
        model_prefix=str(tmp_path / "spiece"),
        vocab_size=200,
        pad_id=0,
        eos_id=1,
        unk_id=2,
        bos_id=-1,
        minloglevel=2,
    )
    expected = SiglipTokenizer(str(tmp_path / "spiece.model"))
    folder = tmp_path / "siglip"
    expected.save_pretrained(folder)
    if form == "tokenizer.json":
        from transformers import T5Tokenizer

        T5Tokenizer.from_pretrained(folder).save_pretrained(folder)
        (folder / "spiece.model").unlink()
        (folder / "config.json").write_text('{"model_type": "siglip"}')
    tokenizer = kc.text.clip_tokenizer(folder)
    # In a text "</s>" is the end there, and the letter s here.
    texts = [text for text in texts if "</s>" not in text]
    ids = tokenizer(texts)
    np.testing.assert_array_equal(ids, packed(expected, texts, 64))
    assert len(np.unique(ids)) > 50


def test_equals_transformers_for_siglip_2(texts, tmp_path):
    transformers = peer("transformers")
    trained = tokenizers.Tokenizer(
        tokenizers.models.BPE(byte_fallback=True, unk_token="<unk>")
    )
    trained.normalizer = tokenizers.normalizers.Replace(" ", "▁")
    names = ["<pad>", "<eos>", "<bos>", "<unk>", "<mask>"]
    trained.train_from_iterator(
        texts,
        tokenizers.trainers.BpeTrainer(
            vocab_size=800, special_tokens=names, show_progress=False
        ),
    )
    model = json.loads(trained.to_str())["model"]
    expected = transformers.Siglip2Tokenizer(
        vocab=model["vocab"],
        merges=[tuple(pair) for pair in model["merges"]],
        add_bos_token=False,
        add_eos_token=True,
        padding_side="right",
    )
    expected.save_pretrained(tmp_path)
    (tmp_path / "config.json").write_text(
        json.dumps(
            {
                "model_type": "siglip",
                "text_config": {"max_position_embeddings": 16},
            }
        )
    )
    tokenizer = kc.text.clip_tokenizer(tmp_path)
    ids = tokenizer(texts)
    np.testing.assert_array_equal(ids, packed(expected, texts, 16))
    assert (tokenizer.start_id, tokenizer.end_id, tokenizer.pad_id) == (
        *(None, 1, 0),
    )
    # The settings of the folder take precedence.
    config = json.loads((tmp_path / "tokenizer_config.json").read_text())
    config |= {"add_eos_token": False, "add_bos_token": True}
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(config))
    row = kc.text.clip_tokenizer(tmp_path)("a")[0]
    assert row[0] == 2 and row[-1] == 0 and 1 not in row


@pytest.mark.parametrize(
    "change, message",
    [
        ({"tokenizer_kwargs": {"clean": "x"}}, "`clean`, one of .*'x'"),
        ({"tokenizer_kwargs": {"language": "fr"}}, "`tokenizer_kwargs`.*fr"),
        ({"tokenizer_mode": "clips"}, "`tokenizer_mode` must be unset.*clips"),
    ],
)
def test_refuses_settings(change, message, texts, tmp_path):
    folder = unigram(tmp_path, texts)
    text = {
        "hf_tokenizer_name": "timm/ViT-B-16-SigLIP",
        "tokenizer_kwargs": {"clean": "canonicalize"},
    }
    open_clip_config(folder, **{**text, **change})
    with pytest.raises(ValueError, match=message):
        kc.text.clip_tokenizer(folder)


def test_refuses_folders(texts, tmp_path, monkeypatch):
    (tmp_path / "config.json").write_text('{"model_type": "siglip"}')
    with pytest.raises(ValueError, match="tokenizer.json or spiece.model"):
        kc.text.clip_tokenizer(tmp_path)
    (tmp_path / "spiece.model").write_bytes(b"")
    monkeypatch.setitem(sys.modules, "sentencepiece", None)
    with pytest.raises(ImportError, match=r"keras_contrastive\[sentencepiece"):
        kc.text.clip_tokenizer(tmp_path)
    unigram(tmp_path, texts)
    (tmp_path / "tokenizer_config.json").write_text('{"add_eos_token": false}')
    with pytest.raises(ValueError, match="files name a `pad_token`"):
        kc.text.clip_tokenizer(tmp_path)
