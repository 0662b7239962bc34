# SPDX-License-Identifier: MIT
"""Writes tests/fixtures/tasks/vectors.json: what sentence-transformers gives for every family, with and without modules.json.

    python tests/golden/vectors.py PROGRAM

PROGRAM is mica, as for pipelines.py, whose tokenizers and way to write models this shares.
"""
import sys
import tempfile

from sentence_transformers import SentenceTransformer

import pipelines

POOLINGS = {"bert": "cls", "distilbert": "max", "roberta": "mean", "xlm-roberta": "cls", "mpnet": "mean"}
PATH = "sentence_transformers.models."


def declare():
    for i, family in enumerate(pipelines.CLASSES):
        modules = [{"idx": 0, "name": "0", "path": "", "type": PATH + "Transformer"},
                   {"idx": 1, "name": "1", "path": "1_Pooling", "type": PATH + "Pooling"},
                   {"idx": 2, "name": "2", "path": "2_Normalize", "type": PATH + "Normalize"}]
        pooling = {"word_embedding_dimension": 24, "pooling_mode_cls_token": POOLINGS[family] == "cls",
                   "pooling_mode_mean_tokens": POOLINGS[family] == "mean",
                   "pooling_mode_max_tokens": POOLINGS[family] == "max", "pooling_mode_mean_sqrt_len_tokens": False}
        files = {"modules.json": modules, "1_Pooling/config.json": pooling,
                 "sentence_bert_config.json": {"max_seq_length": 20 + i, "do_lower_case": False}}
        pipelines.model(f"plain-{family}", family, "Model", 80 + i)
        pipelines.model(f"modules-{family}", family, "Model", 90 + i, files=files)
    for m in pipelines.MODELS.values():
        m["config"] = m["config"].replace("ForModel", "Model")


def main():
    pipelines.MODELS.clear()
    declare()
    cases = []
    with tempfile.TemporaryDirectory() as folder:
        for name in pipelines.MODELS:
            path = pipelines.build(sys.argv[1], name, folder)
            vectors = SentenceTransformer(path, device="cpu").encode(pipelines.TEXTS)
            output = [[float(x) for x in v] for v in vectors]
            cases.append({"model": name, "task": "embed", "inputs": pipelines.TEXTS, "options": {}, "output": output})
    pipelines.write("vectors.json", cases)


if __name__ == "__main__":
    main()
