import json

import pytest
from PIL import Image

from fauxto.core.provenance import Claim, Forgery, ProvenanceKind, Strength
from fauxto.provenance.generators import name_generator, read_text
from fauxto.provenance.read import read_provenance

PARAMETERS = (
    "a cat, Steps of Rome\nin the sun\nNegative prompt: dog, text\n"
    "Steps: 25, Sampler: DPM++ 2M Karras, CFG scale: 7, Seed: 123456, Size: 512x768, "
    'Model hash: abcdef, Model: realistic_v5, Lora hashes: "a: 1, b: 2", Version: v1.6.0'
)
PROMPT = json.dumps(
    {
        "3": {"class_type": "KSampler", "inputs": {"seed": 7, "steps": 20, "model": ["4", 0]}},
        "4": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "sdxl.safetensors"}},
        "6": {"class_type": "CLIPTextEncode", "inputs": {"text": "a cat", "clip": ["4", 1]}},
    }
)
WORKFLOW = json.dumps({"nodes": [{"id": 1, "type": "KSampler"}, {"id": 2, "type": "SaveImage"}]})
INVOKEAI = json.dumps(
    {"app_version": "4.2.1", "positive_prompt": "a cat", "seed": 5, "steps": 30,
     "scheduler": "euler", "model": {"name": "juggernaut", "base": "sdxl"}}
)  # fmt: skip
INVOKEAI_2 = json.dumps(
    {"model_weights": "sd-1.5", "app_version": "2.3", "image": {"prompt": "a cat", "seed": 5}}
)
NOVELAI = json.dumps(
    {"prompt": "1girl", "steps": 28, "sampler": "k_euler", "seed": 9, "uc": "lowres"}
)
MIDJOURNEY = "a cat in the sun --ar 3:2 --v 6.1 Job ID: 0a1b2c3d-1234-4abc-8def-0123456789ab"


@pytest.mark.parametrize("chunk", [b"tEXt", b"zTXt", b"iTXt"])
def test_parameters_of_the_webui_are_parsed(chunk, with_text, only):
    found = only(with_text("parameters", PARAMETERS, chunk))
    assert (found.kind, found.claim) == (ProvenanceKind.GENERATOR, Claim.AI)
    assert (found.strength, found.forgery) == (Strength.MEDIUM, Forgery.EASY)
    assert found.what == "record of Stable Diffusion WebUI, model 'realistic_v5'"
    assert found.where == f"PNG {chunk.decode()} 'parameters'"
    assert found.offset == 33
    assert found.details == {
        "prompt": "a cat, Steps of Rome in the sun", "negative prompt": "dog, text",
        "Model": "realistic_v5", "Sampler": "DPM++ 2M Karras", "Steps": "25", "CFG scale": "7",
        "Seed": "123456", "Size": "512x768", "Version": "v1.6.0",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("key", "text", "generator", "details"),
    [
        ("prompt", PROMPT, "ComfyUI", {"model": "sdxl.safetensors", "steps": "20", "seed": "7",
                                       "prompt": "a cat", "nodes": "3"}),
        ("workflow", WORKFLOW, "ComfyUI", {"nodes": "2"}),
        ("invokeai_metadata", INVOKEAI, "InvokeAI", {"model": "juggernaut", "seed": "5"}),
        ("sd-metadata", INVOKEAI_2, "InvokeAI", {"model": "sd-1.5", "prompt": "a cat"}),
        ("Dream", '"a cat" -s 50 -S 123 -W512', "InvokeAI", {"prompt": "a cat"}),
        ("Comment", NOVELAI, "NovelAI", {"prompt": "1girl", "sampler": "k_euler"}),
        ("Description", MIDJOURNEY, "Midjourney", {"flags": "--ar 3:2 --v 6.1"}),
        ("parameters", '{"sui_image_params": {"prompt": "a cat", "model": "m"}}', "SwarmUI",
         {"model": "m"}),
    ],
)  # fmt: skip
def test_each_generators_record_is_parsed(key, text, generator, details, with_text, only):
    found = only(with_text(key, text))
    assert found.what.startswith(f"record of {generator}")
    assert details.items() <= found.details.items()


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("parameters", "the parameters of my life"),
        ("parameters", "Steps: 5, turn left, Sampler plate"),
        ("prompt", "what do you see?"),
        ("prompt", '{"3": {"inputs": {}}}'),
        ("prompt", "[" * 100_000),
        ("prompt", '{"a":' * 50_000),
        ("prompt", "{" + '"n": ' + "9" * 10_000 + "}"),
        ("workflow", '{"nodes": "none"}'),
        ("invokeai_metadata", "{}"),
        ("Dream", "I have a dream"),
        ("Comment", "Created with GIMP"),
        ("Comment", '{"steps": 3}'),
        ("Description", "a job, ID: 5"),
        ("Title", "Midjourney through the Alps"),
    ],
)
def test_words_alone_make_no_record(key, text, with_text):
    assert read_provenance(with_text(key, text)).statements == ()


@pytest.mark.parametrize("codec", ["utf-16-be", "utf-16-le"])
@pytest.mark.parametrize("image_format", ["JPEG", "WEBP"])
def test_parameters_in_the_exif_comment(image_format, codec, encode, only):
    exif = Image.Exif()
    exif.get_ifd(0x8769)[0x9286] = b"UNICODE\0" + PARAMETERS.encode(codec)
    found = only(encode(image_format, exif=exif))
    assert found.details["Sampler"] == "DPM++ 2M Karras"


def test_comfyui_writes_its_graph_where_cameras_write_their_names(encode):
    exif = Image.Exif()
    exif[0x010F], exif[0x010E] = f"prompt:{PROMPT}", f"Workflow:{WORKFLOW}"
    statements = read_provenance(encode("WEBP", exif=exif)).statements
    assert {one.kind for one in statements} == {ProvenanceKind.GENERATOR}
    assert len(statements) == 2


@pytest.mark.parametrize(
    ("name", "generator"),
    [
        ("NovelAI", "NovelAI"), ("Adobe Firefly", "Adobe Firefly"), ("DALL·E 3", "DALL·E"),
        ("OpenAI DALL-E", "DALL·E"), ("Made with Google AI", "Google AI"),
        ("Fooocus v2.5", "Fooocus"),
        ("GIMP 2.10", None), ("Adobe Photoshop 25.0", None), ("dalle.example", None), ("", None),
        ("a stable diffusion of gases", None), ("Fluxbox", None),
    ],
)  # fmt: skip
def test_names_of_generators(name, generator):
    assert name_generator(name) == generator


def test_a_bare_name_weighs_little(with_text, only):
    found = only(with_text("Software", "NovelAI"))
    assert (found.claim, found.strength) == (Claim.AI, Strength.WEAK)


def test_long_prompts_are_cut():
    found = read_text("parameters", "x" * 5000 + "\nSteps: 1, Sampler: Euler")
    assert len(str(found.details["prompt"])) == 5001
