"""What image generators write into their files, recognised by structure and not by single words."""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

_SETTINGS: Final = re.compile(r"^Steps: \d+, (?:.*, )?Sampler: ", re.MULTILINE)
_SETTING: Final = re.compile(r'([A-Z][\w .-]{0,40}): ("(?:[^"\\]|\\.)*"|[^,]*)(?:, |$)')
_JOB: Final = re.compile(r"\bJob ID: ([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\b")
_MIDJOURNEY_FLAG: Final = re.compile(r"\s--(?:v|ar|niji|stylize|s|chaos|q)\s[\w:.]+")
_MAX_SETTINGS_LINE: Final = 4_000

MADE_BY: Final[Mapping[str, re.Pattern[str]]] = {
    "NovelAI": re.compile(r"^NovelAI\b"),
    "Midjourney": re.compile(r"^Midjourney\b", re.IGNORECASE),
    "DALL·E": re.compile(r"^(?:OpenAI )?DALL[·.-]?E(?: ?\d|$)", re.IGNORECASE),
    "GPT image": re.compile(r"^(?:GPT-4o|gpt-image-\d|ChatGPT)\b", re.IGNORECASE),
    "Adobe Firefly": re.compile(r"\bAdobe Firefly\b"),
    "Stable Diffusion": re.compile(r"^(?:Stable Diffusion|AUTOMATIC1111|stable-diffusion)", re.I),
    "ComfyUI": re.compile(r"^ComfyUI\b", re.IGNORECASE),
    "InvokeAI": re.compile(r"^InvokeAI\b", re.IGNORECASE),
    "Fooocus": re.compile(r"^Fooocus\b", re.IGNORECASE),
    "Draw Things": re.compile(r"^Draw Things\b"),
    "Imagen": re.compile(r"^(?:Google )?Imagen\b", re.IGNORECASE),
    "Google AI": re.compile(r"^(?:Made|Edited) with Google AI$"),
    "Ideogram": re.compile(r"^Ideogram\b", re.IGNORECASE),
    "Leonardo.Ai": re.compile(r"^Leonardo\.Ai\b", re.IGNORECASE),
    "FLUX": re.compile(r"^(?:Black Forest Labs|FLUX\.\d)", re.IGNORECASE),
}
"""What only a generator writes as the name of the program, or credit, of a picture."""


@dataclass(frozen=True)
class Generated:
    """A generator's record.

    Attributes:
        generator: its name.
        details: values from the record; not yet fit to be shown.
    """

    generator: str
    details: Mapping[str, object]


def name_generator(text: str) -> str | None:
    """Return the generator that a program's name or a credit stands for, or None.

    >>> name_generator("NovelAI")
    'NovelAI'
    >>> name_generator("Adobe Photoshop 25.0")
    """
    line = text.strip()[:200]
    return next((name for name, pattern in MADE_BY.items() if pattern.search(line)), None)


def read_text(key: str, text: str) -> Generated | None:
    """Return the generator's record that a named text holds, or None.

    Args:
        key: name of the text, such as a PNG keyword, or ``comment``.
        text: the text.
    """
    reader = _READERS.get(key)
    found = reader(text) if reader else None
    return found or read_parameters(text) or read_midjourney(text)


def read_parameters(text: str) -> Generated | None:
    """Read what Stable Diffusion WebUI (AUTOMATIC1111, Forge, SD.Next, Civitai) writes.

    A prompt, perhaps ``Negative prompt: …``, and a last line ``Steps: 20, Sampler: …, Model: …``.
    """
    match = _SETTINGS.search(text)
    if match is None:
        return _read_swarm(text)
    line = text[match.start() : match.start() + _MAX_SETTINGS_LINE].partition("\n")[0]
    prompt, _, negative = text[: match.start()].partition("\nNegative prompt:")
    settings = {name: value.strip('"') for name, value in _SETTING.findall(line)}
    wanted = ("Model", "Sampler", "Steps", "CFG scale", "Seed", "Size", "Version")
    return Generated(
        "Stable Diffusion WebUI",
        {
            "prompt": prompt,
            "negative prompt": negative,
            **{name: settings.get(name) for name in wanted},
        },
    )


def _read_swarm(text: str) -> Generated | None:
    record = _load(text)
    values = record.get("sui_image_params")
    if not isinstance(values, dict):
        return None
    return Generated(
        "SwarmUI", {name: values.get(name) for name in ("prompt", "model", "steps", "seed")}
    )


def read_comfyui_prompt(text: str) -> Generated | None:
    """Read ComfyUI's graph as it was executed: nodes by number, each with its class and inputs."""
    nodes = [
        node
        for node in _load(text).values()
        if isinstance(node, dict) and isinstance(node.get("class_type"), str)
    ]
    if not nodes:
        return None
    inputs = [node["inputs"] for node in nodes if isinstance(node.get("inputs"), dict)]

    def first(*names: str) -> object:
        values = (given.get(name) for given in inputs for name in names)
        return next((value for value in values if isinstance(value, str | int | float)), None)

    details = {
        "model": first("ckpt_name", "unet_name", "model_name"),
        "sampler": first("sampler_name"),
        "steps": first("steps"),
        "seed": first("seed", "noise_seed"),
        "prompt": first("text"),
        "nodes": len(nodes),
    }
    return Generated("ComfyUI", details)


def read_comfyui_workflow(text: str) -> Generated | None:
    """Read ComfyUI's graph as it was drawn: a list of nodes with their types."""
    nodes = _load(text).get("nodes")
    if not isinstance(nodes, list):
        return None
    types = [node.get("type") for node in nodes if isinstance(node, dict)]
    if not any(isinstance(kind, str) for kind in types):
        return None
    return Generated("ComfyUI", {"nodes": len(nodes)})


def read_invokeai(text: str) -> Generated | None:
    """Read the JSON of InvokeAI, its present form or that of version 2."""
    record = _load(text)
    image = record.get("image") if isinstance(record.get("image"), dict) else record
    if not isinstance(image, dict) or not {"positive_prompt", "prompt", "seed"} & image.keys():
        return None
    model = record.get("model") or record.get("model_weights")
    if isinstance(model, dict):
        model = model.get("name") or model.get("model_name")
    prompt = image.get("positive_prompt") or image.get("prompt")
    details = {name: image.get(name) for name in ("steps", "seed", "scheduler", "sampler")}
    version = record.get("app_version")
    return Generated("InvokeAI", {"prompt": prompt, "model": model, **details, "version": version})


def _read_dream(text: str) -> Generated | None:
    """Read the command line that InvokeAI 1 wrote: a prompt in quotation marks and flags."""
    if not re.search(r"\s-s\s?\d+", text):
        return None
    return Generated("InvokeAI", {"prompt": text.partition(" -s")[0].strip('" ')})


def read_novelai(text: str) -> Generated | None:
    """Read the JSON that NovelAI writes as a PNG's comment."""
    record = _load(text)
    if not {"steps", "sampler", "seed"} <= record.keys() or "uc" not in record:
        return None
    return Generated(
        "NovelAI", {name: record.get(name) for name in ("prompt", "steps", "sampler", "seed")}
    )


def read_midjourney(text: str) -> Generated | None:
    """Read Midjourney's description: the prompt, its flags, and the job's number."""
    job = _JOB.search(text)
    if job is None:
        return None
    prompt = text[: job.start()]
    flags = " ".join(flag.strip() for flag in _MIDJOURNEY_FLAG.findall(prompt)[:10])
    return Generated("Midjourney", {"prompt": prompt, "flags": flags, "job": job.group(1)})


def read_comfyui_exif(text: str) -> Generated | None:
    """Read a ComfyUI graph from an EXIF field, where ``prompt:`` or ``workflow:`` comes first."""
    name, _, graph = text.partition(":")
    reader = {"prompt": read_comfyui_prompt, "workflow": read_comfyui_workflow}.get(name.lower())
    return reader(graph) if reader else None


def _load(text: str) -> dict[str, Any]:
    """Return a JSON object, empty where the text is none."""
    if text.lstrip()[:1] != "{":
        return {}
    try:
        record = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return record if isinstance(record, dict) else {}


_READERS: Final[Mapping[str, Callable[[str], Generated | None]]] = {
    "parameters": read_parameters,
    "prompt": read_comfyui_prompt,
    "workflow": read_comfyui_workflow,
    "invokeai_metadata": read_invokeai,
    "sd-metadata": read_invokeai,
    "Dream": _read_dream,
    "Comment": read_novelai,
    "comment": read_novelai,
}
"""By a text's name."""
