using EdgeAgent.Graph.Import.Onnx;
using EdgeAgent.Graph.Ir;
using Google.Protobuf;
using static EdgeAgent.Graph.Import.Onnx.AttributeProto.Types;

namespace EdgeAgent.Graph.Export.Onnx;

/// <summary>Operators whose attributes are names.</summary>
internal static class OnnxComplexWriter
{
    public static void Write(NodeProto proto, Resize resize, OnnxConstants constants)
    {
        // No region of interest; scales of batch and channels are 1.
        var scales = resize.Scales.Zip(resize.Sizes, Exact).ToArray();
        proto.Input.Add("");
        proto.Input.Add(constants.Of(Tensor.Of([1f, 1f, .. scales], scales.Length + 2)));
        Text(proto, "mode", resize.Rounding == ResizeRounding.Linear ? "linear" : "nearest");
        Text(proto, "coordinate_transformation_mode", resize.Coordinates switch
        {
            ResizeCoordinates.PytorchHalfPixel => "pytorch_half_pixel",
            ResizeCoordinates.Asymmetric => "asymmetric",
            ResizeCoordinates.AlignCorners => "align_corners",
            _ => "half_pixel",
        });
        if (resize.Rounding != ResizeRounding.Linear)
            Text(proto, "nearest_mode", resize.Rounding switch
            {
                ResizeRounding.RoundPreferCeil => "round_prefer_ceil",
                ResizeRounding.Floor => "floor",
                ResizeRounding.Ceil => "ceil",
                _ => "round_prefer_floor",
            });
    }

    public static void Write(NodeProto proto, RecurrentOperator op)
    {
        OnnxNodeWriter.Int(proto, "hidden_size", op.Hidden, 0);
        if (op.Direction != RecurrentDirection.Forward)
            Text(proto, "direction", op.Direction == RecurrentDirection.Reverse ? "reverse" : "bidirectional");
        var activations = new AttributeProto { Name = "activations", Type = AttributeType.Strings };
        activations.Strings.AddRange(op.Activations.Select(ByteString.CopyFromUtf8));
        proto.Attribute.Add(activations);
        if (op is Gru gru)
            OnnxNodeWriter.Int(proto, "linear_before_reset", gru.LinearBeforeReset ? 1 : 0, 0);
    }

    /// <summary>A scale that gives the size again when it is multiplied with the input's and rounded down.</summary>
    private static float Exact(float scale, int size)
    {
        var input = Math.Round(size / (double)scale);
        return Math.Floor((float)input * scale) < size && Math.Floor((float)input * MathF.BitIncrement(scale)) == size ? MathF.BitIncrement(scale) : scale;
    }

    private static void Text(NodeProto proto, string name, string value) =>
        proto.Attribute.Add(new AttributeProto { Name = name, Type = AttributeType.String, S = ByteString.CopyFromUtf8(value) });
}
