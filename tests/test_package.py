import ast
import inspect
import subprocess
import sys
import textwrap
from pathlib import Path

import keras
import pytest

import keras_contrastive as kc

pytestmark = pytest.mark.one_backend

PACKAGE = Path(kc.__file__).parent


def run(code):
    result = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)],
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stderr
    return result.stdout


def test_imports_no_optional_package():
    optional = [
        "PIL",
        "datasets",
        "grain",
        "keras_cv",
        "ftfy",
        "imagecodecs",
        "keras_hub",
        "keras_nlp",
        "matplotlib",
        "onnx",
        "pydicom",
        "pandas",
        "plotly",
        "polars",
        "pyarrow",
        "safetensors",
        "sentencepiece",
        "sklearn",
        "tensorflow_datasets",
        "tf2onnx",
        "tifffile",
        "tokenizers",
        "transformers",
        "webdataset",
    ]
    code = f"""
        import sys
        import keras
        before = set(sys.modules)
        import keras_contrastive
        loaded = set(sys.modules) - before
        print(sorted(loaded.intersection({optional})))
    """
    assert run(code).strip() == "[]"


@pytest.mark.skipif(
    keras.backend.backend() == "tensorflow",
    reason="TensorFlow is the backend here",
)
def test_trains_without_tensorflow():
    """As on a machine that has none: nothing finds it."""
    run("""
        import sys
        from importlib.machinery import PathFinder

        class NoTensorFlow(PathFinder):
            @classmethod
            def find_spec(cls, name, path=None, target=None):
                if name.split(".")[0] != "tensorflow":
                    return super().find_spec(name, path, target)

        sys.meta_path = [
            NoTensorFlow if finder is PathFinder else finder
            for finder in sys.meta_path
        ]
        import keras
        import keras_contrastive as kc

        images = kc.datasets.shapes(16, image_size=16).images
        encoder = keras.Sequential([
            keras.Input((16, 16, 3)),
            keras.layers.Conv2D(8, 4, strides=4),
            keras.layers.GlobalAveragePooling2D(),
        ])
        model = kc.SimCLRModel(encoder)
        model.compile()
        model.fit(images, batch_size=8, verbose=0)
        assert model.predict(images, verbose=0).shape == (16, 8)
        assert "tensorflow" not in sys.modules
    """)


def imports_of(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module
            yield from (f"{node.module}.{each.name}" for each in node.names)


# Each folder imports from the lines above its own only: the table of
# docs/how_it_works.md from its end to its start.
FOLDERS = (
    {"atomic_file"},
    {
        "validation",
        "data_validation",
        "normalization",
        "matmul",
        "normal_initializer",
        "fused",
        "accelerator",
        "int32_hash",
        "json_files",
        "table_columns",
    },
    {"keras_internals"},
    {"distribution", "text"},
    {"losses", "layers", "optimizers", "datasets"},
    {"metrics", "trainer"},
    {"encoders", "evaluation"},
    {"callbacks", "visualization", "pretrained", "export"},
    {"fine_tuning", "index"},
    {"models", "curation"},
    {"cli"},
)
LEVELS = {name: i for i, names in enumerate(FOLDERS) for name in names}


def folder_of(parts):
    """The name in `FOLDERS` of a module, from the parts of its path."""
    return "keras_internals" if "keras_internals" in parts else parts[0]


def test_dependencies_point_one_way():
    for path in PACKAGE.rglob("*.py"):
        parts = path.relative_to(PACKAGE).with_suffix("").parts
        own = folder_of(parts)
        if own not in LEVELS:
            assert len(parts) == 1, f"{path} is in no folder of FOLDERS"
            continue
        for name in imports_of(path):
            first, *rest = name.split(".")
            if first == "keras_contrastive" and rest:
                other = folder_of(rest)
                if other not in LEVELS:
                    continue  # a name, not a module
                assert other == own or LEVELS[other] < LEVELS[own], (
                    f"{path} imports {name}"
                )


def test_private_keras_is_imported_in_one_module_only():
    users = {
        path.name
        for path in PACKAGE.rglob("*.py")
        if any(name.startswith("keras.src") for name in imports_of(path))
    }
    assert users == {"keras_internals.py"}


def test_every_public_class_is_registered():
    for name in ("losses", "layers", "metrics", "models", "optimizers"):
        package = getattr(kc, name)
        for public in package.__all__:
            object_ = getattr(package, public)
            if isinstance(object_, type):
                assert (
                    keras.saving.get_registered_name(object_)
                    == f"keras_contrastive>{public}"
                )


def public_functions():
    """Public functions, and the public methods that a class defines itself."""
    packages = [getattr(kc, name) for name in kc.__all__]
    for package in filter(inspect.ismodule, packages):
        for object_ in (getattr(package, name) for name in package.__all__):
            if inspect.isfunction(object_):
                yield object_
            elif inspect.isclass(object_):
                for name, value in vars(object_).items():
                    value = getattr(value, "__func__", value)
                    if inspect.isfunction(value) and (
                        name == "__init__" or not name.startswith("_")
                    ):
                        yield inspect.unwrap(value)


def test_public_signatures_are_annotated():
    missing = []
    for function in public_functions():
        if not function.__module__.startswith("keras_contrastive"):
            continue
        signature = inspect.signature(function)
        types = [
            parameter.annotation
            for name, parameter in signature.parameters.items()
            if name not in ("self", "cls")
        ]
        if function.__name__ != "__init__":
            types.append(signature.return_annotation)
        if inspect.Parameter.empty in types:
            missing.append(f"{function.__module__}.{function.__qualname__}")
    assert not missing
    assert (PACKAGE / "py.typed").is_file()
