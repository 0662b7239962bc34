# SPDX-License-Identifier: MIT
"""Writes tests/fixtures/tokenizers/classes.jsonl: small directories for each tokenizer class, from each kind of file
that it is built from, and what transformers' AutoTokenizer makes of texts with them.

    python3 tests/golden/tokenizer_classes.py [FILE]

A line is {"name", "files": {name: text, or {"base64"}}, "pad", "mask", "pad_left", "truncate_left", "cases": [...]};
a case is {"a", "b"?, "max"?, "language"?, "ids", "crc"?, "decoded", "skipped"}. crc is digest() of tokenizer_models.py, for
tokenizers that have spans. Vocabularies are trained on the few sentences below.
"""
import base64
import io
import json
import os
import random
import shutil
import sys
import tempfile

os.environ["TOKENIZERS_PARALLELISM"] = "false"
os.environ["HF_HUB_OFFLINE"] = "1"
import sentencepiece
import transformers
from sentencepiece import sentencepiece_model_pb2
from tokenizers import Tokenizer, models, pre_tokenizers, trainers
from transformers.models.m2m_100.tokenization_m2m_100 import FAIRSEQ_LANGUAGE_CODES as LANGUAGES

HERE = os.path.dirname(os.path.abspath(__file__))
OUT = sys.argv[1] if len(sys.argv) > 1 else os.path.join(HERE, "..", "fixtures", "tokenizers", "classes.jsonl")
sys.argv = sys.argv[:1]
from tokenizer_models import digest

transformers.logging.set_verbosity_error()
CORPUS = """All human beings are born free and equal in dignity and rights.
They are endowed with reason and conscience and should act towards one another in a spirit of brotherhood.
Everyone has the right to life, liberty and security of person. It's a test, isn't it? 3.14 + 42 = 45.14!
Alle Menschen sind frei und gleich an W\u00fcrde und Rechten geboren. \u00c9t\u00e9, na\u00efve caf\u00e9, \u00fcber.
\u4eba\u4eba\u751f\u800c\u81ea\u7531\uff0c\u5728\u5c0a\u4e25\u548c\u6743\u5229\u4e0a\u4e00\u5f8b\u5e73\u7b49\u3002
\u0412\u0441\u0435 \u043b\u044e\u0434\u0438 \u0440\u043e\u0436\u0434\u0430\u044e\u0442\u0441\u044f \u0441\u0432\u043e\u0431\u043e\u0434\u043d\u044b\u043c\u0438 \u0438 \u0440\u0430\u0432\u043d\u044b\u043c\u0438.
the the the and and free free rights rights being beings equal equals right""".split("\n")
SPECIAL = ["<s>", "</s>", "<unk>", "<pad>", "<mask>", " <mask> ", "[CLS]", "[SEP]", "[MASK]", "  [MASK] x", "[UNK]",
           "<|endoftext|>", "<|pad|>", "<extra_id_0>", "x<extra_id_3>", "__en__", "__fr__", "eng_Latn", "fra_Latn",
           "<u>", "<U>", "<c>", "\u2581", "\u2581a", "<0x41>", "<bos>", "\u2047"]
WORDS = ["the", "The", "rights", "human", "being", "free", "it's", "don't", "W\u00fcrde", "na\u00efve", "e\u0301", "\ufb01n",
         "\u4eba\u4eba", "\u81ea\u7531\u3002", "\u043b\u044e\u0434\u0438", "3.14", "42", "!?", "...", "\u2460", "\u30ab\u3099", "\U0001f600", "\u0e2a", "zq",
         "\u00a0", "\u3000", "\u200b", "\n", "\t", "\r\n", "\x00", "  ", "   ", "A", "xyz"]
r = random.Random(7)


def text():
    n = r.choice([0, 1, 2, 4, 8, 14])
    parts = [r.choice(SPECIAL) if r.random() < 0.2 else r.choice(WORDS) if r.random() < 0.7 else
             r.choice(r.choice(CORPUS).split()) for _ in range(n)]
    return r.choice(["", " ", " ", "  "]).join(parts)


TEXTS = ["", " ", "the", " the  rights ", "Alle Menschen sind frei und gleich."] + [text() for _ in range(19)]


def spm(kind, size, **more):
    """A trained model's bytes, the same in every run."""
    folder = tempfile.mkdtemp()
    rules = os.path.join(folder, "rules.tsv")
    with open(rules, "w") as f:  # code points to code points
        f.write("FB01\t66 69\nA0\t20\n3000\t20\n9\t20\nA\t20\nD\t20\n200B\t\n65 301\tE9\n2460\t31\n30AB 3099\t30AC\n")
    out = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(CORPUS * 4), model_writer=out, model_type=kind, vocab_size=size, num_threads=1,
        normalization_rule_tsv=rules, hard_vocab_limit=False, minloglevel=2, **more)
    shutil.rmtree(folder)
    proto = sentencepiece_model_pb2.ModelProto()
    proto.ParseFromString(out.getvalue())
    proto.normalizer_spec.ClearField("normalization_rule_tsv")  # the name of a folder that is gone
    return proto.SerializeToString()


def pieces(model):
    proto = sentencepiece_model_pb2.ModelProto()
    proto.ParseFromString(model)
    return [p.piece for p in proto.pieces]


def byte_level(size):
    """vocab.json and merges.txt."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.train_from_iterator(CORPUS, trainers.BpeTrainer(
        vocab_size=size, show_progress=False, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        special_tokens=["<s>", "<pad>", "</s>", "<unk>", "<mask>", "<|endoftext|>"]))
    model = json.loads(tokenizer.to_str())["model"]
    merges = "#version: 0.2\n" + "".join(" ".join(m) + "\n" for m in model["merges"])
    return {"vocab.json": json.dumps(model["vocab"], ensure_ascii=False), "merges.txt": merges}


def word_pieces():
    words = sorted({w.strip(".,!?") for line in CORPUS for w in line.split()})
    letters = sorted({c for line in CORPUS for c in line.lower() if c != " "})
    return "\n".join(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "<s>", "</s>"] + letters + ["##" + c for c in letters] +
                     words + [w.lower() for w in words if w != w.lower()] + ["##s", "##ing"]) + "\r\n"


BYTES = byte_level(330)
PIECES = word_pieces()
BPE = spm("bpe", 380, byte_fallback=True, user_defined_symbols=["<u>"], control_symbols=["<c>"],
          add_dummy_prefix=True, remove_extra_whitespaces=False)
UNIGRAM = spm("unigram", 150, user_defined_symbols=["<u>"])
FALLBACK = spm("unigram", 380, byte_fallback=True, pad_id=3)
PLAIN = spm("bpe", 150)
T5 = spm("unigram", 150, pad_id=0, eos_id=1, unk_id=2, bos_id=-1)


def m2m100(model, tokens=True, **config):
    order = ["<s>", "<pad>", "</s>", "<unk>"]
    names = order + [p for p in pieces(model) if p not in order][:-3]  # some pieces have no id
    languages = ["__%s__" % c for c in LANGUAGES[config.get("language_codes", "m2m100")]] if tokens else []
    return {"vocab.json": json.dumps({n: i for i, n in enumerate(names)}), "sentencepiece.bpe.model": model,
            "tokenizer_config.json": dict(config, tokenizer_class="M2M100Tokenizer"),
            "special_tokens_map.json": dict(bos_token="<s>", eos_token="</s>", unk_token="<unk>", pad_token="<pad>",
                                            sep_token="</s>", additional_special_tokens=languages)}


def config(name=None, **more):
    return {"tokenizer_config.json": dict(more, tokenizer_class=name) if name else more}


def model_type(name):
    return {"config.json": {"model_type": name}}


def rewritten(files, **changes):
    """The same with a tokenizer.json whose parts have been changed: what the class builds itself must not show it."""
    folder = make(files)
    target = tempfile.mkdtemp()
    transformers.AutoTokenizer.from_pretrained(folder).save_pretrained(target)
    out = {}
    for name in ("tokenizer.json", "tokenizer_config.json"):
        out[name] = json.load(open(os.path.join(target, name), encoding="utf-8"))
    out["tokenizer.json"].update(changes)
    for volatile in ("is_local", "local_files_only", "name_or_path"):
        out["tokenizer_config.json"].pop(volatile, None)
    shutil.rmtree(folder)
    shutil.rmtree(target)
    return out


LOWER = {"type": "Lowercase"}
SPLIT = {"type": "Whitespace"}
TOKEN = dict(lstrip=False, rstrip=False, normalized=False, single_word=False, special=True)


def directories():
    vocab = {"vocab.txt": PIECES}
    llama = {"tokenizer.model": BPE}
    yield "bert", {**vocab, **model_type("bert")}
    yield "bert-cased", {**vocab, **config("BertTokenizerFast", do_lower_case=False, tokenize_chinese_chars=False)}
    yield "bert-strip", {**vocab, **config("ElectraTokenizer", do_lower_case=False, strip_accents=True)}
    yield "distilbert", {**vocab, **config("DistilBertTokenizer", truncation_side="left", padding_side="left")}
    yield "bert-json", rewritten({**vocab, **model_type("bert")}, normalizer=None, pre_tokenizer=SPLIT)
    yield "mpnet", {**vocab, **model_type("mpnet")}
    yield "mpnet-tokens", {**vocab, **config("MPNetTokenizer", unk_token="[UNK]", mask_token="[MASK]", pad_token="[PAD]")}
    yield "roberta", {**BYTES, **model_type("roberta")}
    yield "roberta-prefix", {**BYTES, **config("RobertaTokenizer", add_prefix_space=True, trim_offsets=False, mask_token={
        "__type": "AddedToken", "content": "<mask>", "lstrip": True, "rstrip": False, "normalized": False,
        "single_word": False})}
    yield "bart", {**BYTES, **config("BartTokenizerFast", model_max_length=16)}
    yield "roberta-json", rewritten({**BYTES, **model_type("roberta")}, normalizer=LOWER, post_processor=None)
    yield "gpt2", {**BYTES, **model_type("gpt2")}
    yield "gpt2-bos", {**BYTES, **config("GPT2Tokenizer", add_bos_token=True, add_eos_token=True, pad_token="<|pad|>",
                                         clean_up_tokenization_spaces=True)}
    yield "codegen", {**BYTES, **model_type("phi"), **config("CodeGenTokenizer", additional_special_tokens=["<u>", "zq"])}
    yield "gpt2-json", rewritten({**BYTES, **model_type("gpt2")}, normalizer=LOWER)
    yield "qwen2", {**BYTES, **config("Qwen2Tokenizer", extra_special_tokens=["<u>"], added_tokens_decoder={
        "5": dict(TOKEN, content="<|endoftext|>", rstrip=True), "330": dict(TOKEN, content="zq", special=False)})}
    yield "qwen2-json", rewritten({**BYTES, **model_type("qwen2")}, normalizer=LOWER, pre_tokenizer=SPLIT)
    yield "llama", {**llama, **config("LlamaTokenizer", add_bos_token=True)}
    yield "llama-legacy", {**llama, **config("LlamaTokenizer", legacy=True, add_eos_token=True)}
    yield "llama-no-prefix", {**llama, **config("LlamaTokenizerFast", add_prefix_space=False)}
    yield "llama-json", rewritten({**llama, **config("LlamaTokenizer", add_bos_token=True)}, normalizer=LOWER)
    yield "gemma", {**llama, **model_type("gemma")}
    yield "generic-bpe", {**llama, **model_type("phi3"), **config("LlamaTokenizer", add_bos_token=True)}
    yield "generic-renamed", {**llama, **config(added_tokens_decoder={"100": dict(TOKEN, content="<U>")})}
    yield "generic-unigram", {"tokenizer.model": FALLBACK}
    yield "xlm-roberta", {"sentencepiece.bpe.model": UNIGRAM, **model_type("xlm-roberta")}
    yield "xlm-roberta-no-prefix", {"sentencepiece.bpe.model": UNIGRAM, **config("XLMRobertaTokenizer", add_prefix_space=False)}
    yield "xlm-roberta-json", rewritten({"sentencepiece.bpe.model": UNIGRAM, **model_type("xlm-roberta")}, pre_tokenizer=SPLIT,
                                        decoder=None)
    yield "camembert", {"sentencepiece.bpe.model": UNIGRAM, **model_type("camembert")}
    yield "t5", {"spiece.model": T5, **model_type("t5")}
    yield "t5-extra", {"spiece.model": T5, **config("T5Tokenizer", extra_ids=4)}
    yield "t5-json", rewritten({"spiece.model": T5, **model_type("mt5")}, pre_tokenizer=SPLIT, post_processor=None)
    nllb = {"sentencepiece.bpe.model": PLAIN, **model_type("m2m_100")}
    yield "nllb", {**nllb, **config("NllbTokenizer", extra_special_tokens=["eng_Latn", "fra_Latn"])}
    yield "nllb-legacy", {**nllb, **config("NllbTokenizer", legacy_behaviour=True, src_lang="fra_Latn",
                                           additional_special_tokens=["eng_Latn", "fra_Latn"])}
    yield "nllb-none", {**nllb, **config("NllbTokenizer")}
    yield "nllb-json", rewritten({**nllb, **config("NllbTokenizer", extra_special_tokens=["eng_Latn", "fra_Latn"])},
                                 normalizer=LOWER)
    yield "m2m100", m2m100(PLAIN)
    yield "m2m100-none", m2m100(UNIGRAM, tokens=False, src_lang="fr")
    yield "m2m100-wmt21", m2m100(BPE, language_codes="wmt21", src_lang="de")
    yield "m2m100-bytes", m2m100(FALLBACK)


def make(files):
    folder = tempfile.mkdtemp()
    for name, content in files.items():
        with open(os.path.join(folder, name), "wb") as f:
            f.write(content if isinstance(content, bytes) else
                    (content if isinstance(content, str) else json.dumps(content)).encode())
    return folder


def case(tokenizer, a, b, limit, language):
    options = {"truncation": True, "max_length": limit} if limit else {}
    out = {"a": a}
    if b is not None:
        out["b"] = b
    if limit:
        out["max"] = limit
    if language:
        out["language"] = language
        tokenizer.src_lang = language
    encoded = tokenizer(a, b, **options)
    out["ids"] = encoded["input_ids"]
    if tokenizer.is_fast:
        out["crc"] = digest(encoded.encodings[0], True)
    out["decoded"] = tokenizer.decode(out["ids"])
    out["skipped"] = tokenizer.decode(out["ids"], skip_special_tokens=True)
    return out


def main():
    with open(OUT, "w", encoding="utf-8") as out:
        for name, files in directories():
            folder = make(files)
            tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
            cases = []
            for a in TEXTS:
                kind = r.random()
                # A pair whose second text is empty is no pair to transformers.
                b = (r.choice(TEXTS) or "x") if kind < 0.3 else None
                languages = {"nllb": ["fra_Latn"], "m2m100": ["fr", "de"]}.get(name)
                cases.append(case(tokenizer, a, b, r.randint(6, 14) if 0.2 < kind < 0.4 else None,
                                  r.choice(languages) if languages and kind > 0.6 else None))
                if languages:
                    tokenizer.src_lang = {"nllb": "eng_Latn", "m2m100": "en"}[name]
            line = {"name": name, "files": {}, "cases": cases}
            for file, content in files.items():
                line["files"][file] = ({"base64": base64.b64encode(content).decode()} if isinstance(content, bytes) else
                                       content if isinstance(content, str) else json.dumps(content, ensure_ascii=False))
            line["pad"] = -1 if tokenizer.pad_token_id is None else tokenizer.pad_token_id
            line["mask"] = -1 if tokenizer.mask_token_id is None else tokenizer.mask_token_id
            line["pad_left"] = tokenizer.padding_side == "left"
            line["truncate_left"] = tokenizer.truncation_side == "left"
            out.write(json.dumps(line, ensure_ascii=False) + "\n")
            shutil.rmtree(folder)


if __name__ == "__main__":
    main()
