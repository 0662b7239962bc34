/* SPDX-License-Identifier: MIT
 *
 * The table of tokenizer classes, and which one a directory's files mean. Names, model types,
 * special tokens and pipelines are those of transformers 5 (models/auto/tokenization_auto.py,
 * models/<model>/tokenization_<model>.py).
 */
#include <string.h>

#include "tokenizer/class.h"

/* ---- parts that several classes share ---- */

#define BERT_SETTINGS "do_lower_case=true tokenize_chinese_chars=true strip_accents=null"
#define BERT_NORMALIZER                                                                            \
    "{\"type\":\"BertNormalizer\",\"clean_text\":true,"                                            \
    "\"handle_chinese_chars\":@tokenize_chinese_chars,\"strip_accents\":@strip_accents,"           \
    "\"lowercase\":@do_lower_case}"
#define BERT_WORDS "{\"type\":\"BertPreTokenizer\"}"
#define WORDPIECE_DECODER "{\"type\":\"WordPiece\",\"prefix\":\"##\",\"cleanup\":true}"
#define BYTE_LEVEL                                                                                 \
    "{\"type\":\"ByteLevel\",\"add_prefix_space\":@add_prefix_space,\"trim_offsets\":true}"
#define BYTE_LEVEL_DECODER                                                                         \
    "{\"type\":\"ByteLevel\",\"add_prefix_space\":true,\"trim_offsets\":true}"
#define METASPACE                                                                                  \
    "{\"type\":\"Metaspace\",\"replacement\":\"\u2581\",\"prepend_scheme\":\"@prepend\"}"
#define METASPACE_WORDS                                                                            \
    "{\"type\":\"Sequence\",\"pretokenizers\":[{\"type\":\"WhitespaceSplit\"}," METASPACE "]}"
#define REPLACE_SPACES                                                                             \
    "{\"type\":\"Replace\",\"pattern\":{\"String\":\" \"},\"content\":\"\u2581\"}"
#define SPACES_BACK "{\"type\":\"Replace\",\"pattern\":{\"String\":\"\u2581\"},\"content\":\" \"}"
#define BYTE_FALLBACK SPACES_BACK ",{\"type\":\"ByteFallback\"},{\"type\":\"Fuse\"}"
#define BERT_NAMED                                                                                 \
    {                                                                                              \
        [MICA_TOK_UNK] = "[UNK]", [MICA_TOK_SEP] = "[SEP]", [MICA_TOK_PAD] = "[PAD]",              \
        [MICA_TOK_CLS] = "[CLS]", [MICA_TOK_MASK] = "[MASK]"                                       \
    }
#define ROBERTA_NAMED                                                                              \
    {                                                                                              \
        "<s>", "</s>", "<unk>", "</s>", "<pad>", "<s>", "<mask>"                                   \
    }

static const char qwen2_words[] =
    "{\"type\":\"Sequence\",\"pretokenizers\":[{\"type\":\"Split\",\"pattern\":{\"Regex\":\"(?i:'s|"
    "'t|'re|'ve|'m|'ll|'d)|[^\\\\r\\\\n\\\\p{L}\\\\p{N}]?\\\\p{L}+|\\\\p{N}|"
    " ?[^\\\\s\\\\p{L}\\\\p{N}]+[\\\\r\\\\n]*|\\\\s*[\\\\r\\\\n]+|\\\\s+(?!\\\\S)|\\\\s+\"},"
    "\"behavior\":\"Isolated\",\"invert\":false},{\"type\":\"ByteLevel\",\"add_prefix_space\":@add_"
    "prefix_space,\"trim_offsets\":true,\"use_regex\":false}]}";

static const char nllb_languages[] =
    "ace_Arab ace_Latn acm_Arab acq_Arab aeb_Arab afr_Latn ajp_Arab aka_Latn"
    " amh_Ethi apc_Arab arb_Arab ars_Arab ary_Arab arz_Arab asm_Beng ast_Latn"
    " awa_Deva ayr_Latn azb_Arab azj_Latn bak_Cyrl bam_Latn ban_Latn bel_Cyrl"
    " bem_Latn ben_Beng bho_Deva bjn_Arab bjn_Latn bod_Tibt bos_Latn bug_Latn"
    " bul_Cyrl cat_Latn ceb_Latn ces_Latn cjk_Latn ckb_Arab crh_Latn cym_Latn"
    " dan_Latn deu_Latn dik_Latn dyu_Latn dzo_Tibt ell_Grek eng_Latn epo_Latn"
    " est_Latn eus_Latn ewe_Latn fao_Latn pes_Arab fij_Latn fin_Latn fon_Latn"
    " fra_Latn fur_Latn fuv_Latn gla_Latn gle_Latn glg_Latn grn_Latn guj_Gujr"
    " hat_Latn hau_Latn heb_Hebr hin_Deva hne_Deva hrv_Latn hun_Latn hye_Armn"
    " ibo_Latn ilo_Latn ind_Latn isl_Latn ita_Latn jav_Latn jpn_Jpan kab_Latn"
    " kac_Latn kam_Latn kan_Knda kas_Arab kas_Deva kat_Geor knc_Arab knc_Latn"
    " kaz_Cyrl kbp_Latn kea_Latn khm_Khmr kik_Latn kin_Latn kir_Cyrl kmb_Latn"
    " kon_Latn kor_Hang kmr_Latn lao_Laoo lvs_Latn lij_Latn lim_Latn lin_Latn"
    " lit_Latn lmo_Latn ltg_Latn ltz_Latn lua_Latn lug_Latn luo_Latn lus_Latn"
    " mag_Deva mai_Deva mal_Mlym mar_Deva min_Latn mkd_Cyrl plt_Latn mlt_Latn"
    " mni_Beng khk_Cyrl mos_Latn mri_Latn zsm_Latn mya_Mymr nld_Latn nno_Latn"
    " nob_Latn npi_Deva nso_Latn nus_Latn nya_Latn oci_Latn gaz_Latn ory_Orya"
    " pag_Latn pan_Guru pap_Latn pol_Latn por_Latn prs_Arab pbt_Arab quy_Latn"
    " ron_Latn run_Latn rus_Cyrl sag_Latn san_Deva sat_Beng scn_Latn shn_Mymr"
    " sin_Sinh slk_Latn slv_Latn smo_Latn sna_Latn snd_Arab som_Latn sot_Latn"
    " spa_Latn als_Latn srd_Latn srp_Cyrl ssw_Latn sun_Latn swe_Latn swh_Latn"
    " szl_Latn tam_Taml tat_Cyrl tel_Telu tgk_Cyrl tgl_Latn tha_Thai tir_Ethi"
    " taq_Latn taq_Tfng tpi_Latn tsn_Latn tso_Latn tuk_Latn tum_Latn tur_Latn"
    " twi_Latn tzm_Tfng uig_Arab ukr_Cyrl umb_Latn urd_Arab uzn_Latn vec_Latn"
    " vie_Latn war_Latn wol_Latn xho_Latn ydd_Hebr yor_Latn yue_Hant zho_Hans"
    " zho_Hant zul_Latn";
static const char m2m100_languages[] =
    "af am ar ast az ba be bg bn br bs ca ceb cs cy da de el en es et fa ff fi fr"
    " fy ga gd gl gu ha he hi hr ht hu hy id ig ilo is it ja jv ka kk km kn ko lb"
    " lg ln lo lt lv mg mk ml mn mr ms my ne nl no ns oc or pa pl ps pt ro ru sd si"
    " sk sl so sq sr ss su sv sw ta th tl tn tr uk ur uz vi wo xh yi yo zh zu";

/* Classes whose tokenizer.json counts as written, and that mica cannot build without one. */
static const char others[] =
    "Albert Bartpho BertGeneration BertJapanese Bertweet BigBird BioGpt Blenderbot"
    " BlenderbotSmall ByT5 Canine CLIP Clvp CodeLlama Cohere Cpm CpmAnt CTRL"
    " Deberta DebertaV2 Dia Esm Esmc FastSpeech2Conformer Flaubert FNet FSMT Funnel"
    " GPTNeoX GPTNeoXJapanese GPTSw3 Herbert Lasr LayoutLMv2 LayoutLMv3 LayoutXLM"
    " Luke Marian MarkupLM MBart MBart50 Mgpstr MLuke MyT5 Nougat OpenAIGPT"
    " Parakeet Pegasus Perceiver Phobert PLBart ProphetNet Qwen3_5 Reformer RemBert"
    " RoCBert RoFormer SeamlessM4T Siglip Siglip2 Speech2Text SpeechT5 Splinter"
    " Tapas Tipsv2 Udop VideoPrism Vits Wav2Vec2CTC Wav2Vec2PhonemeCTC Whisper XGLM"
    " XLM XLNet";

/* ---- the table ---- */

static const mica_tok_class classes[] = {
    /* The first row is for files that name no class, or one that transformers does not have. */
    {.name = "TokenizersBackend",
     .aliases = "",
     .types = "EvollaModel aria beam bigbird_pegasus canary flex_olmo glm glm4 glm4_moe"
              " glm4_moe_lite glm4v glm4v_moe glm_image glmasr got_ocr2 gpt_bigcode"
              " gradium_phonon_tts granite granitemoe granitemoehybrid granitemoeshared"
              " kimi_k25 kimi_linear kosmos-2 mimo_v2_flash minicpm_ocr minicpmv4_6"
              " minicpmv4_7 ministral ministral3 mistral mistral3 mistral_large4 mixtral"
              " nemo_speechlm nystromformer olmo2 olmo3 olmo_hybrid pegasus_x persimmon"
              " pix2struct pixtral pocket_tts stablelm umt5 voxtral voxtral_realtime"
              " xlm-roberta-xl ernie4_5 cohere_asr internlm2 iquestcoder phimoe nvfp4"
              " step3_vl llava_next camembertv2-base hyperclovax hyperclovax_vlm vipllava"
              " openvla minicpmv modernbert-decoder arctic llava molmo2 modernbert smolvlm"
              " phi3 chatlm minimax_m2 nemotron molmo paddleocr_vl fuyu opencua jamba"
              " ernie4_5_moe internlm3 minicpm3 phi3_v h2ovl_chat",
     .generic = true,
     .spm = "tokenizer.model",
     .normalizer = REPLACE_SPACES,
     .decoder = "{\"type\":\"Sequence\",\"decoders\":[" SPACES_BACK "@bytes]}",
     .charsmap = true,
     .fuse_unknown = true},
    {.name = "BertTokenizer",
     .aliases = "DistilBert MobileBert ConvBert Electra SqueezeBert LayoutLM Lxmert DPRReader "
                "DPRContextEncoder DPRQuestionEncoder",
     .types = "align bark bert blip bros chinese_clip convbert distilbert electra ernie flava"
              " git grounding-dino layoutlm lxmert megatron-bert mm-grounding-dino mobilebert"
              " nomic_bert squeezebert tvp vilt visual_bert",
     .vocab = "vocab.txt",
     .model = MICA_TOK_WORDPIECE,
     .named = BERT_NAMED,
     .settings = BERT_SETTINGS,
     .normalizer = BERT_NORMALIZER,
     .pre_tokenizer = BERT_WORDS,
     .decoder = WORDPIECE_DECODER,
     .single = "cls_token $A sep_token",
     .pair = "cls_token $A sep_token $B:1 sep_token:1"},
    {.name = "MPNetTokenizer",
     .aliases = "",
     .types = "mpnet",
     .vocab = "vocab.txt",
     .model = MICA_TOK_WORDPIECE,
     .named = {"<s>", "</s>", "[UNK]", "</s>", "<pad>", "<s>", "<mask>"},
     .mask_takes_space = true,
     .settings = BERT_SETTINGS,
     .normalizer = BERT_NORMALIZER,
     .pre_tokenizer = BERT_WORDS,
     .decoder = WORDPIECE_DECODER,
     .single = "cls_token $A sep_token",
     .pair = "cls_token $A sep_token sep_token $B sep_token",
     .trim = "true",
     .trim_prefix = "false"},
    {.name = "RobertaTokenizer",
     .aliases = "Bart LED Longformer Mvp",
     .types = "bart bridgetower clap data2vec-text florence2 ibert led lilt longformer mra mvp "
              "roberta roberta-prelayernorm",
     .vocab = "vocab.json",
     .merges = "merges.txt",
     .model = MICA_TOK_BPE,
     .named = ROBERTA_NAMED,
     .settings = "add_prefix_space=false trim_offsets=true",
     .pre_tokenizer = BYTE_LEVEL,
     .decoder = BYTE_LEVEL_DECODER,
     .single = "cls_token $A sep_token",
     .pair = "cls_token $A sep_token sep_token $B sep_token",
     .trim = "trim_offsets",
     .trim_prefix = "add_prefix_space"},
    {.name = "GPT2Tokenizer",
     .aliases = "CodeGen",
     .types = "blip-2 codegen dbrx emu3 gpt2 gpt_neo gptj hyperclovax_vision_v2 instructblip"
              " instructblipvideo jais2 opt phi starcoder2",
     .forced = "hyperclovax_vision_v2",
     .vocab = "vocab.json",
     .merges = "merges.txt",
     .model = MICA_TOK_BPE,
     .named = {"<|endoftext|>", "<|endoftext|>", "<|endoftext|>"},
     .settings = "add_prefix_space=false",
     .pre_tokenizer = BYTE_LEVEL,
     .decoder = BYTE_LEVEL_DECODER},
    {.name = "Qwen2Tokenizer",
     .aliases = "",
     .types = "audioflamingo3 colqwen2 cosmos3_omni dots3_note fun_asr_nano hunyuan_vl"
              " internvl lighton_ocr moss_transcribe_diarize ovis2 qianfan_ocr qwen2"
              " qwen2_5_omni qwen2_5_vl qwen2_audio qwen2_moe qwen2_vl qwen3 qwen3_asr"
              " qwen3_moe qwen3_next qwen3_omni_moe qwen3_vl qwen3_vl_moe vibevoice",
     .forced = "qwen2",
     .vocab = "vocab.json",
     .merges = "merges.txt",
     .model = MICA_TOK_BPE,
     .named = {[MICA_TOK_EOS] = "<|endoftext|>",
               [MICA_TOK_UNK] = "<|endoftext|>",
               [MICA_TOK_PAD] = "<|endoftext|>"},
     .plain_special = true,
     .settings = "add_prefix_space=false",
     .normalizer = "{\"type\":\"NFC\"}",
     .pre_tokenizer = qwen2_words,
     .decoder = BYTE_LEVEL_DECODER},
    {.name = "LlamaTokenizer",
     .aliases = "",
     .types = "idefics idefics2",
     .spm = "tokenizer.model",
     .model = MICA_TOK_BPE,
     .named = {"<s>", "</s>", "<unk>"},
     .settings = "add_prefix_space=true legacy=false",
     .pre_tokenizer = "{\"type\":\"Metaspace\",\"replacement\":\"\u2581\","
                      "\"prepend_scheme\":\"@prepend\",\"split\":false}",
     .decoder = "{\"type\":\"Sequence\",\"decoders\":[" BYTE_FALLBACK
                ",{\"type\":\"Strip\",\"content\":\" \",\"start\":@strip,\"stop\":0}]}",
     .fuse_unknown = true,
     .byte_fallback = true,
     .pad_left = true},
    {.name = "GemmaTokenizer",
     .aliases = "",
     .types = "diffusion_gemma gemma gemma2 gemma3 gemma3_text gemma3n gemma3n_text"
              " recurrent_gemma shieldgemma2 t5gemma zaya",
     .spm = "tokenizer.model",
     .model = MICA_TOK_BPE,
     .named = {"<bos>", "<eos>", "<unk>", NULL, "<pad>", NULL, "<mask>"},
     .normalizer = REPLACE_SPACES,
     .pre_tokenizer = "{\"type\":\"Split\",\"pattern\":{\"String\":\" \"},"
                      "\"behavior\":\"MergedWithPrevious\",\"invert\":false}",
     .decoder = "{\"type\":\"Sequence\",\"decoders\":[" BYTE_FALLBACK "]}",
     .unknown = "unk_token",
     .fuse_unknown = true,
     .byte_fallback = true,
     .pad_left = true},
    {.name = "XLMRobertaTokenizer",
     .aliases = "",
     .types = "gte jina_embeddings_v3 metaclip_2 trocr xlm-roberta xmod",
     .spm = "sentencepiece.bpe.model",
     .model = MICA_TOK_UNIGRAM,
     .named = ROBERTA_NAMED,
     .settings = "add_prefix_space=true",
     .pre_tokenizer = METASPACE_WORDS,
     .decoder = METASPACE,
     .charsmap = true,
     .unknown_id = "3",
     .head = "bos_token pad_token eos_token unk_token",
     .tail = "mask_token",
     .skip = 3,
     .single = "bos_token $A eos_token",
     .pair = "bos_token $A eos_token eos_token $B eos_token"},
    {.name = "CamembertTokenizer",
     .aliases = "",
     .types = "camembert",
     .spm = "sentencepiece.bpe.model",
     .model = MICA_TOK_UNIGRAM,
     .named = ROBERTA_NAMED,
     .mask_takes_space = true,
     .settings = "add_prefix_space=true",
     .pre_tokenizer = METASPACE_WORDS,
     .decoder = METASPACE,
     .charsmap = true,
     .head = "<s>NOTUSED pad_token </s>NOTUSED unk_token <unk>NOTUSED=-100",
     .tail = "mask_token",
     .skip = 1,
     .single = "bos_token $A eos_token",
     .pair = "bos_token $A eos_token eos_token $B eos_token",
     .prepare = mica_tok_prepare_camembert},
    {.name = "T5Tokenizer",
     .aliases = "",
     .types = "mt5 musicgen musicgen_melody switch_transformers t5",
     .spm = "spiece.model",
     .model = MICA_TOK_UNIGRAM,
     .named = {NULL, "</s>", "<unk>", NULL, "<pad>"},
     .settings = "add_prefix_space=true",
     .pre_tokenizer = METASPACE_WORDS,
     .decoder = METASPACE,
     .charsmap = true,
     .unknown_id = "2",
     .tail = "@extra_ids",
     .single = "$A eos_token",
     .pair = "$A eos_token $B eos_token",
     .prepare = mica_tok_prepare_t5},
    {.name = "NllbTokenizer",
     .aliases = "",
     .types = "nllb-moe",
     .spm = "sentencepiece.bpe.model",
     .model = MICA_TOK_BPE,
     .named = ROBERTA_NAMED,
     .mask_takes_space = true,
     .settings = "add_prefix_space=true legacy_behaviour=false",
     .normalizer = "{\"type\":\"Replace\",\"pattern\":{\"Regex\":\" {2,}\"},\"content\":\" \"}",
     .pre_tokenizer = METASPACE,
     .decoder = METASPACE,
     .charsmap = true,
     .only_with_charsmap = true,
     .unknown = "unk_token",
     .fuse_unknown = true,
     .head = "bos_token pad_token eos_token unk_token",
     .single = "language $A eos_token",
     .pair = "language $A $B eos_token",
     .languages = nllb_languages,
     .language = "eng_Latn",
     .language_mark = "",
     .prepare = mica_tok_prepare_nllb},
    {.name = "M2M100Tokenizer",
     .aliases = "",
     .types = "m2m_100",
     .vocab = "vocab.json",
     .spm = "sentencepiece.bpe.model",
     .model = MICA_TOK_SENTENCEPIECE,
     .named = {"<s>", "</s>", "<unk>", "</s>", "<pad>"},
     .single = "language $A eos_token",
     .pair = "language $A $B eos_token",
     .languages = m2m100_languages,
     .language = "en",
     .language_mark = "__"},
};

#define CLASSES (sizeof classes / sizeof *classes)

/* ---- looking up ---- */

bool mica_tok_listed(const char *list, const char *word, size_t size)
{
    while (list && *list) {
        size_t length = strcspn(list, " ");

        if (length == size && memcmp(list, word, size) == 0)
            return true;
        list += length + (list[length] == ' ');
    }
    return false;
}

/* The length of a class's name without "Fast", and of that without "Tokenizer". */
static size_t plain_size(const char *name, size_t *stem)
{
    static const char fast[] = "Fast", tokenizer[] = "Tokenizer";
    size_t size = strlen(name);

    if (size > sizeof fast - 1 && strcmp(name + size - (sizeof fast - 1), fast) == 0)
        size -= sizeof fast - 1;
    *stem = 0;
    if (size >= sizeof tokenizer - 1 &&
        memcmp(name + size - (sizeof tokenizer - 1), tokenizer, sizeof tokenizer - 1) == 0)
        *stem = size - (sizeof tokenizer - 1);
    return size;
}

static const mica_tok_class *by_name(const char *name)
{
    size_t stem, size = plain_size(name, &stem);

    for (size_t i = 0; i < CLASSES; i++) {
        const mica_tok_class *class = &classes[i];

        if (strlen(class->name) == size && memcmp(class->name, name, size) == 0)
            return class;
        if (stem > 0 && mica_tok_listed(class->aliases, name, stem))
            return class;
    }
    return &classes[0];
}

static const mica_tok_class *by_type(const char *type)
{
    for (size_t i = 0; type && i < CLASSES; i++)
        if (mica_tok_listed(classes[i].types, type, strlen(type)))
            return &classes[i];
    return NULL;
}

bool mica_tok_class_unsupported(const char *name)
{
    size_t stem;

    plain_size(name, &stem);
    return stem > 0 && mica_tok_listed(others, name, stem);
}

/* Whether a part of tokenizer.json is ByteLevel, or has such a part. */
static bool has_byte_level(const mica_json_value *part)
{
    const char *type = mica_tok_json_text(mica_json_get(part, "type"));

    if (type && strcmp(type, "ByteLevel") == 0)
        return true;
    for (part = mica_json_first(part); part; part = mica_json_next(part))
        if (has_byte_level(part))
            return true;
    return false;
}

/* Whether tokenizer.json has what the class takes from it. If not, it counts as written. */
static bool fits(const mica_tok_class *class, const mica_json_value *json)
{
    const mica_json_value *model = mica_json_get(json, "model");
    mica_json_type vocab = mica_json_get_type(mica_json_get(model, "vocab"));

    switch (class->model) {
    case MICA_TOK_BPE:
        return vocab == MICA_JSON_OBJECT &&
               mica_json_get_type(mica_json_get(model, "merges")) == MICA_JSON_ARRAY;
    case MICA_TOK_UNIGRAM:
        return vocab == MICA_JSON_ARRAY;
    case MICA_TOK_WORDPIECE:
    case MICA_TOK_WORDLEVEL:
        return vocab == MICA_JSON_OBJECT;
    case MICA_TOK_SENTENCEPIECE:
        break;
    }
    return true;
}

/* The rules of AutoTokenizer: the class that tokenizer_config.json or config.json names, unless the
 * model type is one whose files are known to name a wrong one; else the model type's. */
static const mica_tok_class *find(const char *name, const char *type, const mica_json_value *json)
{
    const mica_tok_class *class = by_type(type), *named;

    if (!name)
        return class ? class : &classes[0];
    if (class && (class->generic || mica_tok_listed(class->forced, type, strlen(type))))
        return class;
    named = by_name(name);
    /* Llama 3 and its like, which are said to be Llama. */
    if (strcmp(named->name, "LlamaTokenizer") == 0 &&
        (has_byte_level(mica_json_get(json, "pre_tokenizer")) ||
         has_byte_level(mica_json_get(json, "decoder"))))
        return &classes[0];
    return named;
}

const mica_tok_class *mica_tok_class_find(const mica_tok_files *files, bool *known)
{
    const char *name = mica_tok_class_name(files);
    const char *type = mica_tok_json_text(mica_json_get(files->model, "model_type"));
    const mica_tok_class *class = find(name, type, files->tokenizer);

    *known = name || type;
    if (files->tokenizer && !fits(class, files->tokenizer))
        return &classes[0];
    /* vocab.txt alone has always been BERT's. */
    if (!*known && !files->tokenizer && files->has_vocab_txt)
        return by_name("BertTokenizer");
    return class;
}

const char *mica_tok_class_name(const mica_tok_files *files)
{
    const char *name = mica_tok_json_text(mica_json_get(files->config, "tokenizer_class"));

    return name ? name : mica_tok_json_text(mica_json_get(files->model, "tokenizer_class"));
}
