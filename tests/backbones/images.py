"""Image backbones of other packages, randomly initialized, as encoders.

By package and family, each a function that makes the backbone. They are as
small as their constructors let them be; those of keras.applications have one
size.
"""

import keras

SHAPE = (32, 32, 3)


def keras_hub():
    import keras_hub

    hub = keras_hub.models
    of_patches = {"patch_size": 8, "num_layers": 1, "num_heads": 2}
    transformer = {**of_patches, "hidden_dim": 8, "intermediate_dim": 16}
    return {
        "ResNet": lambda: hub.ResNetBackbone(
            [64], [3], [64, 64], [1, 1], [1, 2], "basic_block", **_IMAGE
        ),
        "ResNet, pre-activated": lambda: hub.ResNetBackbone(
            *([64], [3], [64, 64], [1, 1], [1, 2], "basic_block"),
            use_pre_activation=True,
            **_IMAGE,
        ),
        "EfficientNet": lambda: hub.EfficientNetBackbone(
            **_efficient_net(), input_shape=SHAPE
        ),
        "CSPNet": lambda: hub.CSPNetBackbone(
            *(8, 3, 1, [1, 1], [2, 2], [8, 16]),
            block_type="dark_block",
            stage_type="dark",
            **_IMAGE,
        ),
        "MobileNet": lambda: hub.MobileNetBackbone(
            stackwise_expansion=[[8], [8]],
            stackwise_num_blocks=[1, 1],
            stackwise_num_filters=[[8], [16]],
            stackwise_kernel_size=[[3], [5]],
            stackwise_num_strides=[[2], [1]],
            stackwise_se_ratio=[[None], [0.25]],
            stackwise_activation=[["relu"], ["hard_swish"]],
            stackwise_padding=[[1], [2]],
            output_num_filters=16,
            input_activation="hard_swish",
            output_activation="hard_swish",
            input_num_filters=8,
            depthwise_filters=8,
            depthwise_stride=1,
            depthwise_residual=False,
            squeeze_and_excite=0.5,
            last_layer_filter=16,
            **_IMAGE,
        ),
        "DenseNet": lambda: hub.DenseNetBackbone(
            [1, 1], growth_rate=4, **_IMAGE
        ),
        "VGG": lambda: hub.VGGBackbone([1, 1], [8, 16], **_IMAGE),
        "Xception": lambda: hub.XceptionBackbone(
            [[8, 8], [16, 16]], [True, False], **_IMAGE
        ),
        "HGNetV2": lambda: hub.HGNetV2Backbone(
            depths=[1, 1],
            embedding_size=8,
            hidden_sizes=[8, 16],
            stem_channels=[3, 8, 8],
            hidden_act="relu",
            use_learnable_affine_block=False,
            stackwise_stage_filters=[(8, 8, 8, 1, 1, 3), (8, 8, 16, 1, 1, 3)],
            apply_downsample=[False, True],
            use_lightweight_conv_block=[False, False],
            **_IMAGE,
        ),
        "MiT": lambda: hub.MiTBackbone(
            layerwise_depths=[1, 1],
            num_layers=2,
            layerwise_num_heads=[1, 2],
            layerwise_sr_ratios=[8, 4],
            max_drop_path_rate=0.1,
            layerwise_patch_sizes=[7, 3],
            layerwise_strides=[4, 2],
            hidden_dims=[4, 8],
            **_IMAGE,
        ),
        "ViT": lambda: hub.ViTBackbone(
            **of_patches, hidden_dim=8, mlp_dim=16, **_IMAGE
        ),
        "ViTDet": lambda: hub.ViTDetBackbone(
            *(8, 1, 16, 2, [0]),
            patch_size=8,
            num_output_channels=8,
            window_size=2,
            **_IMAGE,
        ),
        "DeiT": lambda: hub.DeiTBackbone(**transformer, **_IMAGE),
        "Swin": lambda: hub.SwinTransformerBackbone(
            embed_dim=8,
            depths=[1, 1],
            num_heads=[1, 2],
            window_size=2,
            **_IMAGE,
        ),
        "DINOv2": lambda: hub.DINOV2Backbone(
            **transformer,
            num_register_tokens=2,
            position_embedding_shape=SHAPE,
            **_IMAGE,
        ),
        "DINOv3": lambda: hub.DINOV3Backbone(**transformer, **_IMAGE),
        "CLIP": lambda: hub.CLIPVisionEncoder(**transformer, **_IMAGE),
        "MetaCLIP 2": lambda: hub.MetaCLIP2VisionEncoder(
            **transformer, **_IMAGE
        ),
        "SigLIP": lambda: hub.SigLIPVisionEncoder(**transformer, **_IMAGE),
    }


def keras_applications():
    def of(name, **kwargs):
        make = getattr(keras.applications, name)
        return lambda: make(
            input_shape=SHAPE, include_top=False, weights=None, **kwargs
        )

    return {
        "ResNet50": of("ResNet50"),
        "ResNet50V2": of("ResNet50V2"),
        "VGG16": of("VGG16"),
        "DenseNet121": of("DenseNet121"),
        "MobileNetV2": of("MobileNetV2", alpha=0.35),
        "MobileNetV3Small": of("MobileNetV3Small"),
        "EfficientNetB0": of("EfficientNetB0"),
        "EfficientNetV2B0": of("EfficientNetV2B0"),
        "ConvNeXtTiny": of("ConvNeXtTiny"),
    }


def keras_cv():
    import keras_cv

    cv = keras_cv.models
    rescaled = {"include_rescaling": True, "input_shape": SHAPE}
    stages = {
        "stackwise_filters": [8, 16],
        # With one block a stage, names of layers occur twice.
        "stackwise_blocks": [2, 2],
        "stackwise_strides": [1, 2],
    }
    return {
        "ResNet": lambda: cv.ResNetBackbone(**stages, **rescaled),
        "ResNetV2": lambda: cv.ResNetV2Backbone(**stages, **rescaled),
        "DenseNet": lambda: cv.DenseNetBackbone(
            stackwise_num_repeats=[1, 1], growth_rate=4, **rescaled
        ),
        "CSPDarkNet": lambda: cv.CSPDarkNetBackbone(
            stackwise_channels=[8, 16], stackwise_depth=[1, 1], **rescaled
        ),
        "EfficientNetV2": lambda: cv.EfficientNetV2Backbone(
            width_coefficient=1.0,
            depth_coefficient=1.0,
            **_efficient_net(kinds="stackwise_conv_types"),
            **rescaled,
        ),
        "MobileNetV3": lambda: cv.MobileNetV3Backbone(
            stackwise_expansion=[1, 4],
            stackwise_filters=[8, 16],
            stackwise_kernel_size=[3, 5],
            stackwise_stride=[2, 1],
            stackwise_se_ratio=[0.25, None],
            stackwise_activation=["relu", "hard_swish"],
            **rescaled,
        ),
        "MiT": lambda: cv.MiTBackbone(
            depths=[1] * 4, embedding_dims=[8, 16, 40, 64], **rescaled
        ),
    }


PACKAGES = {
    "keras-hub": keras_hub,
    "keras.applications": keras_applications,
    "keras-cv": keras_cv,
}
_IMAGE = {"image_shape": SHAPE}


def _efficient_net(kinds="stackwise_block_types"):
    coefficients = {
        "stackwise_width_coefficients": [1.0, 1.0],
        "stackwise_depth_coefficients": [1.0, 1.0],
    }
    return {
        **(coefficients if kinds == "stackwise_block_types" else {}),
        "stackwise_kernel_sizes": [3, 3],
        "stackwise_num_repeats": [1, 1],
        "stackwise_input_filters": [8, 8],
        "stackwise_output_filters": [8, 16],
        "stackwise_expansion_ratios": [1, 4],
        "stackwise_squeeze_and_excite_ratios": [0.0, 0.25],
        "stackwise_strides": [1, 2],
        kinds: ["fused", "unfused"],
    }
