using EdgeAgent.Graph.Ir;
using TorchSharp;
using IrTensor = EdgeAgent.Graph.Ir.Tensor;
using Tensor = TorchSharp.torch.Tensor;

namespace EdgeAgent.Compression.Teacher;

/// <summary>Copies between the IR's tensors and libtorch's.</summary>
public static class TorchTensors
{
    public static Tensor ToTorch(this IrTensor tensor)
    {
        var shape = Array.ConvertAll(tensor.Shape, d => (long)d);
        return tensor.Type switch
        {
            ElementType.Float32 => torch.tensor(tensor.Floats, shape, torch.float32),
            ElementType.Int64 => torch.tensor(tensor.Longs, shape, torch.int64),
            ElementType.Int32 => torch.tensor((int[])tensor.Data, shape, torch.int32),
            ElementType.Bool => torch.tensor((bool[])tensor.Data, shape, torch.@bool),
            _ => throw new NotSupportedException($"a constant of type {tensor.Type} has no place in a trainable graph"),
        };
    }

    /// <summary>A float32 copy, row-major.</summary>
    public static float[] ToFloats(this Tensor tensor)
    {
        using var scope = torch.NewDisposeScope();
        return tensor.detach().to(torch.float32).contiguous().data<float>().ToArray();
    }

    public static IrTensor ToIr(this Tensor tensor) => IrTensor.Of(tensor.ToFloats(), Array.ConvertAll(tensor.shape, d => (int)d));
}
