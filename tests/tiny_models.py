"""Random models and adapters of a few hundred kilobytes, written as GGUF on the fly.

Promise: llama.cpp and transformers load them, the same seed writes the same bytes, and their words are
byte-level BPE with the chatml tokens and template. They have learned nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import gguf
import numpy as np
from numpy.typing import NDArray

CHATML = (
    "{% for message in messages %}"
    "{{'<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n'}}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
TOOL_TEMPLATE = (
    "{% if tools %}<|im_start|>system\n"
    "{% if messages[0]['role'] == 'system' %}{{ messages[0]['content'] }}\n{% endif %}"
    "<tools>{% for tool in tools %}\n{{ tool | tojson }}{% endfor %}\n</tools><|im_end|>\n{% endif %}"
    "{% for m in messages %}{% if m['role'] == 'tool' %}"
    "{{ '<|im_start|>user\n<tool_response>\n' + m['content'] + '\n</tool_response><|im_end|>\n' }}"
    "{% elif not (tools and loop.first and m['role'] == 'system') %}"
    "{{ '<|im_start|>' + m['role'] + '\n' + m['content'] }}{% for call in m.tool_calls or [] %}"
    '{{ \'<tool_call>\n{"name": "\' + call.function.name + \'", "arguments": \' }}'
    "{{ call.function.arguments | tojson }}{{ '}\n</tool_call>' }}{% endfor %}{{ '<|im_end|>\n' }}"
    "{% endif %}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
"""As Hermes and Qwen have it: tools in the system prompt, calls as JSON between marks."""
SPECIALS = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")
MERGES = (
    "Ġ t,h e,Ġ a,i n,r e,Ġt he,o n,e r,Ġ s,a t,Ġ w,o u,Ġ m,Ġ i,s t,e n,y o,yo u,Ġ you,Ċ Ċ,u s,us er,"
    "a s,i s,is t,as s,ass ist,a n,an t,assist ant"
)


@dataclass(frozen=True)
class TinyShape:
    """Sizes of a tiny model; `head_dim` None is embedding / heads."""

    embedding: int = 64
    heads: int = 4
    kv_heads: int = 2
    feed_forward: int = 96
    blocks: int = 2
    context: int = 2048
    head_dim: int | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)

    @property
    def head(self) -> int:
        return self.head_dim or self.embedding // self.heads


def byte_letters() -> list[str]:
    """The printable letter that stands for each byte 0-255 in byte-level BPE (GPT-2's table)."""
    shown = [*range(33, 127), *range(161, 173), *range(174, 256)]
    hidden = [byte for byte in range(256) if byte not in shown]
    letters = {byte: chr(byte) for byte in shown} | {byte: chr(256 + at) for at, byte in enumerate(hidden)}
    return [letters[byte] for byte in range(256)]


def tiny_merges() -> list[str]:
    """The merges whose parts can be built, in order, so that the list holds no dead rule."""
    known, kept = set(byte_letters()), []
    for merge in MERGES.split(","):
        left, right = merge.split(" ")
        if left in known and right in known:
            kept.append(merge)
            known.add(left + right)
    return kept


def tiny_vocabulary() -> list[str]:
    """Tokens by id: specials, then the 256 bytes, then what the merges make; padded to a multiple of 32."""
    words = [*SPECIALS, *byte_letters(), *dict.fromkeys(merge.replace(" ", "") for merge in tiny_merges())]
    return words + [f"<|spare_{at}|>" for at in range(-len(words) % 32)]


def add_tokenizer(
    writer: gguf.GGUFWriter, *, pre: str = "smollm", add_bos: bool = False, template: str = CHATML
) -> int:
    """Writes the tokenizer and chat template; returns the size of the vocabulary."""
    words = tiny_vocabulary()
    control = [word in SPECIALS or word.startswith("<|spare_") for word in words]
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre(pre)
    writer.add_token_list(words)
    writer.add_token_types([gguf.TokenType.CONTROL if c else gguf.TokenType.NORMAL for c in control])
    writer.add_token_merges(tiny_merges())
    writer.add_bos_token_id(words.index("<|im_start|>"))
    writer.add_eos_token_id(words.index("<|im_end|>"))
    writer.add_pad_token_id(words.index("<|im_end|>"))
    writer.add_unk_token_id(words.index("<|endoftext|>"))
    writer.add_add_bos_token(add_bos)
    writer.add_chat_template(template)
    return len(words)


def add_sentencepiece(writer: gguf.GGUFWriter) -> int:
    """Writes a SentencePiece tokenizer that puts a space before each text, as Llama 2's; returns its size."""
    control = ["<unk>", "<s>", "</s>", "<|im_start|>", "<|im_end|>"]
    raw = [f"<0x{byte:02X}>" for byte in range(256)]
    plain = ["▁", *(chr(code) for code in range(33, 127)), "▁h", "he", "▁he", "ll", "▁hell", "lo"]
    words = control + raw + plain
    words += [f"<spare_{at}>" for at in range(-len(words) % 32)]
    kinds = [gguf.TokenType.NORMAL] * len(words)
    kinds[: len(control)] = [gguf.TokenType.CONTROL] * len(control)
    kinds[len(control) : len(control) + 256] = [gguf.TokenType.BYTE] * 256
    writer.add_tokenizer_model("llama")
    writer.add_token_list(words)
    writer.add_token_scores([0.0 if len(word) == 1 else -1.0 / len(word) for word in words])
    writer.add_token_types(kinds)
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(4)
    writer.add_unk_token_id(0)
    writer.add_add_bos_token(True)
    writer.add_add_space_prefix(True)
    writer.add_chat_template(CHATML)
    return len(words)


def add_shape(writer: gguf.GGUFWriter, shape: TinyShape) -> None:
    """Writes the sizes every decoder architecture names alike."""
    writer.add_name("tiny")
    writer.add_context_length(shape.context)
    writer.add_embedding_length(shape.embedding)
    writer.add_block_count(shape.blocks)
    writer.add_feed_forward_length(shape.feed_forward)
    writer.add_head_count(shape.heads)
    writer.add_head_count_kv(shape.kv_heads)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_freq_base(10000.0)


def linear_sizes(shape: TinyShape) -> dict[str, tuple[int, int]]:
    """(rows out, columns in) of each linear layer of one block of a llama."""
    query, key = shape.heads * shape.head, shape.kv_heads * shape.head
    return {
        "attn_q": (query, shape.embedding),
        "attn_k": (key, shape.embedding),
        "attn_v": (key, shape.embedding),
        "attn_output": (shape.embedding, query),
        "ffn_gate": (shape.feed_forward, shape.embedding),
        "ffn_up": (shape.feed_forward, shape.embedding),
        "ffn_down": (shape.embedding, shape.feed_forward),
    }


def random_matrix(
    random: np.random.Generator, rows: int, columns: int, gain: float = 1.0
) -> NDArray[np.float32]:
    """Normal values that keep the size of what passes through about the same."""
    values: NDArray[np.float32] = random.standard_normal((rows, columns), dtype=np.float32)
    return values * np.float32(gain / columns**0.5)


def write_tiny_llama(
    path: Path,
    seed: int = 0,
    shape: TinyShape = TinyShape(),
    *,
    dtype: Any = np.float16,
    add_bos: bool = False,
    sentencepiece: bool = False,
    template: str = CHATML,
) -> Path:
    """Writes a random llama; matrices in `dtype`, norms in float32. Returns `path`."""
    random = np.random.default_rng(seed)
    writer = gguf.GGUFWriter(path, "llama")
    add_shape(writer, shape)
    writer.add_rope_dimension_count(shape.head)
    if shape.head_dim is not None:
        writer.add_key_length(shape.head_dim)
        writer.add_value_length(shape.head_dim)
    words = (
        add_sentencepiece(writer)
        if sentencepiece
        else add_tokenizer(writer, add_bos=add_bos, template=template)
    )
    writer.add_vocab_size(words)
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_F16 if dtype == np.float16 else gguf.LlamaFileType.ALL_F32)
    writer.add_tensor("token_embd.weight", random_matrix(random, words, shape.embedding, 8.0).astype(dtype))
    for block in range(shape.blocks):
        for name, (rows, columns) in linear_sizes(shape).items():
            matrix = random_matrix(random, rows, columns, 2.0)
            writer.add_tensor(f"blk.{block}.{name}.weight", matrix.astype(dtype))
        for norm in ("attn_norm", "ffn_norm"):
            writer.add_tensor(f"blk.{block}.{norm}.weight", np.ones(shape.embedding, np.float32))
    writer.add_tensor("output_norm.weight", np.ones(shape.embedding, np.float32))
    spoken = random_matrix(random, words, shape.embedding, 4.0)
    writer.add_tensor("output.weight", (spoken if sentencepiece else spoken * quiet()).astype(dtype))
    return finish(writer, path)


def write_tiny_adapter(
    path: Path,
    seed: int = 0,
    shape: TinyShape = TinyShape(),
    *,
    rank: int = 4,
    alpha: float = 8.0,
    gain: float = 0.5,
    architecture: str = "llama",
) -> Path:
    """Writes a random LoRA adapter for all linear layers; `gain` 0 makes it change nothing."""
    random = np.random.default_rng(seed + 1000)
    writer = gguf.GGUFWriter(path, architecture)
    writer.add_type(gguf.GGUFType.ADAPTER)
    writer.add_string(gguf.Keys.Adapter.TYPE, "lora")
    writer.add_float32(gguf.Keys.Adapter.LORA_ALPHA, alpha)
    for block in range(shape.blocks):
        for name, (rows, columns) in linear_sizes(shape).items():
            down = random_matrix(random, rank, columns).astype(np.float16)
            up = random_matrix(random, rows, rank, gain).astype(np.float16)
            writer.add_tensor(f"blk.{block}.{name}.weight.lora_a", down)
            writer.add_tensor(f"blk.{block}.{name}.weight.lora_b", up)
    return finish(writer, path)


def quiet() -> NDArray[np.float32]:
    """[words, 1] factors that make a random model prefer plain ASCII, so that its answers are mostly text."""
    spoken = [
        word.isascii() and word.isprintable() and not word.startswith("<|") for word in tiny_vocabulary()
    ]
    return np.where(np.array(spoken), 1.0, 0.3)[:, None].astype(np.float32)


def finish(writer: gguf.GGUFWriter, path: Path) -> Path:
    """Writes header, metadata and tensors, and closes the file."""
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path
