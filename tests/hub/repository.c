/* SPDX-License-Identifier: MIT */
#include "hub/server.h"

repo *standard_repo(server *s, const char **commit)
{
    static char weights[WEIGHTS_SIZE];
    for (size_t i = 0; i < sizeof weights; i++)
        weights[i] = (char)(i * 2654435761u >> 13);
    repo *r = server_repo(s, MODEL);
    const char *c = repo_commit(r, "one");
    repo_ref(r, "main", c);
    repo_text(r, c, "README.md", "# a model\n");
    repo_text(r, c, ".gitattributes", "*.safetensors filter=lfs\n");
    repo_text(r, c, "config.json", "{\"model_type\":\"bert\",\"hidden_size\":4}\n");
    repo_text(r, c, "tokenizer.json", "{\"version\":\"1.0\"}\n");
    repo_text(r, c, "tokenizer_config.json", "{}\n");
    repo_text(r, c, "vocab.txt", "[PAD]\n[UNK]\n");
    repo_text(r, c, "modules.json",
              "[{\"idx\":0,\"name\":\"0\",\"path\":\"\",\"type\":\"x.Transformer\"},"
              "{\"idx\":1,\"name\":\"1\",\"path\":\"1_Pooling\",\"type\":\"x.Pooling\"},"
              "{\"idx\":2,\"name\":\"2\",\"path\":\"2_Dense\",\"type\":\"x.Dense\"}]\n");
    repo_text(r, c, "sentence_bert_config.json", "{\"max_seq_length\":128}\n");
    repo_text(r, c, "1_Pooling/config.json", "{\"pooling_mode_cls_token\":true}\n");
    repo_text(r, c, "2_Dense/config.json", "{\"in_features\":4}\n");
    repo_file(r, c, "2_Dense/model.safetensors", weights, 5000, true);
    repo_file(r, c, "model.safetensors", weights, sizeof weights, true);
    repo_file(r, c, "pytorch_model.bin", weights, 1000, true);
    repo_file(r, c, "onnx/model.onnx", weights, 2000, true);
    repo_text(r, c, "empty.txt", "");
    *commit = c;
    return r;
}
