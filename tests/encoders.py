"""Small random models of Hugging Face in folders, with tokenizers of their own."""

from pathlib import Path

import torch
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from transformers import (
    BertConfig,
    BertModel,
    CLIPConfig,
    CLIPModel,
    CLIPVisionConfig,
    CLIPVisionModel,
    DeiTConfig,
    DeiTModel,
    Dinov2Config,
    Dinov2Model,
    HubertConfig,
    HubertModel,
    LlamaConfig,
    LlamaModel,
    PreTrainedTokenizerFast,
    SiglipConfig,
    SiglipModel,
    ViTConfig,
    ViTModel,
    Wav2Vec2Config,
    Wav2Vec2Model,
    WhisperConfig,
    WhisperModel,
)

WORDS = ("the", "a", "cat", "dog", "sat", "ran", "home", "bulb", "gap", "battery", "is", "closed")


def write_encoder(folder: Path, seed: int = 0, layers: int = 2) -> Path:
    """Write an encoder: width 16, 64 positions."""
    torch.manual_seed(seed)
    tokens = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", *WORDS, *map(chr, range(97, 123))]
    tokens += [f"##{chr(i)}" for i in range(97, 123)]
    cutter = Tokenizer(
        models.WordPiece({one: i for i, one in enumerate(tokens)}, unk_token="[UNK]")
    )
    cutter.normalizer = normalizers.Lowercase()
    cutter.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    cutter.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B [SEP]",
        special_tokens=[("[CLS]", 2), ("[SEP]", 3)],
    )  # fmt: skip
    config = BertConfig(
        vocab_size=len(tokens), hidden_size=16, num_hidden_layers=layers, num_attention_heads=2,
        intermediate_size=32, max_position_embeddings=64,
    )  # fmt: skip
    BertModel(config).save_pretrained(folder)
    wrapped = PreTrainedTokenizerFast(
        tokenizer_object=cutter, pad_token="[PAD]", unk_token="[UNK]", cls_token="[CLS]",
        sep_token="[SEP]", model_max_length=64,
    )  # fmt: skip
    wrapped.save_pretrained(folder)
    return folder


def write_decoder(folder: Path) -> Path:
    """Write a decoder: 2 layers, width 16, 64 positions, without any special token."""
    torch.manual_seed(0)
    tokens = ["<unk>", *WORDS, *map(chr, range(97, 123))]
    cutter = Tokenizer(
        models.WordLevel({one: i for i, one in enumerate(tokens)}, unk_token="<unk>")
    )
    cutter.pre_tokenizer = pre_tokenizers.Whitespace()
    config = LlamaConfig(
        vocab_size=len(tokens), hidden_size=16, num_hidden_layers=2, num_attention_heads=2,
        intermediate_size=32, max_position_embeddings=64,
    )  # fmt: skip
    LlamaModel(config).save_pretrained(folder)
    PreTrainedTokenizerFast(
        tokenizer_object=cutter, unk_token="<unk>", model_max_length=64
    ).save_pretrained(folder)
    return folder


def write_speech(folder: Path, family: str = "whisper", seed: int = 0) -> Path:
    """Write an encoder of speech: width 16, one block; a Whisper hears three seconds at once."""
    torch.manual_seed(seed)
    if family == "whisper":
        WhisperModel(WhisperConfig(
            vocab_size=8, num_mel_bins=20, d_model=16, encoder_layers=1, decoder_layers=1,
            encoder_attention_heads=2, decoder_attention_heads=2, encoder_ffn_dim=32,
            decoder_ffn_dim=32, max_source_positions=150, max_target_positions=8, pad_token_id=0,
            bos_token_id=1, eos_token_id=2, decoder_start_token_id=1,
        )).save_pretrained(folder)  # fmt: skip
        return folder
    config, model = {
        "wav2vec2": (Wav2Vec2Config, Wav2Vec2Model), "hubert": (HubertConfig, HubertModel),
    }[family]  # fmt: skip
    model(config(
        vocab_size=8, hidden_size=16, num_hidden_layers=1, num_attention_heads=2,
        intermediate_size=32, conv_dim=(8,) * 7, num_conv_pos_embeddings=8,
        num_conv_pos_embedding_groups=2,
    )).save_pretrained(folder)  # fmt: skip
    return folder


def write_vision(folder: Path, family: str = "vit", seed: int = 0) -> Path:
    """Write an encoder of pictures: width 16, one block, four patches of a square of 32."""
    torch.manual_seed(seed)
    sizes = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    seen = {**sizes, "image_size": 32, "patch_size": 16}
    if family in ("clip", "siglip"):
        config, model = {"clip": (CLIPConfig, CLIPModel), "siglip": (SiglipConfig, SiglipModel)}[
            family
        ]
        words = {**sizes, "vocab_size": 8, "max_position_embeddings": 8, "intermediate_size": 32,
                 "pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2}  # fmt: skip
        both = {"text_config": words, "vision_config": {**seen, "intermediate_size": 32}}
        model(config(**both)).save_pretrained(folder)
        return folder
    config, model = {
        "clip_vision_model": (CLIPVisionConfig, CLIPVisionModel), "deit": (DeiTConfig, DeiTModel),
        "dinov2": (Dinov2Config, Dinov2Model), "vit": (ViTConfig, ViTModel),
    }[family]  # fmt: skip
    model(config(**seen, intermediate_size=32)).save_pretrained(folder)
    return folder
