#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""PyTorch eager as a peer of `bench/encoder`: one process, one line in, one line out.

  load DIR THREADS      -> ok NAME VERSION SETTINGS
  run BATCH TOKENS SEED -> ok MILLISECONDS FIRST_VALUE   (one forward pass of the base model)
  quit

Input ids are the same as the program's: a linear congruential generator from SEED. The model runs in
eval mode without gradients, weights as in DIR, float32, scaled-dot-product attention, no padding (all
sequences of a batch have the same length here).
"""
import sys
import time


def main():
    import torch
    from transformers import AutoModel
    import transformers

    transformers.logging.set_verbosity_error()
    model = None
    out = sys.stdout
    for line in sys.stdin:
        words = line.split()
        try:
            if words[0] == "load":
                torch.set_num_threads(int(words[2]))
                model = AutoModel.from_pretrained(words[1], dtype=torch.float32).eval()
                print("ok", "pytorch-eager", torch.__version__, f"threads={torch.get_num_threads()},sdpa", file=out)
            elif words[0] == "run":
                batch, tokens, seed = map(int, words[1:4])
                vocab = model.config.vocab_size
                ids, state = [], seed
                for _ in range(batch * tokens):
                    state = (state * 1103515245 + 12345) % (1 << 31)
                    ids.append(state // 65536 % vocab)
                x = torch.tensor(ids, dtype=torch.long).view(batch, tokens)
                with torch.inference_mode():
                    begin = time.perf_counter()
                    y = model(input_ids=x).last_hidden_state
                    end = time.perf_counter()
                print("ok", f"{(end - begin) * 1e3:.4f}", f"{float(y[0, 0, 0]):.9g}", file=out)
            elif words[0] == "quit":
                break
            else:
                print("error unknown request", words[0], file=out)
        except Exception as error:  # the program shows it
            print("error", str(error).replace("\n", " "), file=out)
        out.flush()


main()
