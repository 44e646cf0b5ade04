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
            ElementType.Float32 => Of(tensor.Floats, shape),
            ElementType.Int64 => torch.tensor(tensor.Longs, shape, torch.int64),
            ElementType.Int32 => torch.tensor((int[])tensor.Data, shape, torch.int32),
            ElementType.Bool => torch.tensor((bool[])tensor.Data, shape, torch.@bool),
            _ => throw new NotSupportedException($"a constant of type {tensor.Type} has no place in a trainable graph"),
        };
    }

    /// <summary>
    /// In libtorch's own memory, which begins at a multiple of 64 bytes. Where <c>torch.tensor</c> leaves the numbers is a .NET array,
    /// at any multiple of 8, and libtorch's matrix products add up in another order where an operand does not begin at a multiple of
    /// 16: a training would depend on the garbage collector.
    /// </summary>
    public static Tensor Of(float[] values, params ReadOnlySpan<long> shape)
    {
        using var pinned = torch.tensor(values, shape, torch.float32);
        return pinned.clone();
    }

    /// <summary>A float32 copy, row-major.</summary>
    public static float[] ToFloats(this Tensor tensor)
    {
        using var scope = torch.NewDisposeScope();
        return tensor.detach().to(torch.float32).contiguous().data<float>().ToArray();
    }

    public static IrTensor ToIr(this Tensor tensor) => IrTensor.Of(tensor.ToFloats(), Array.ConvertAll(tensor.shape, d => (int)d));
}
