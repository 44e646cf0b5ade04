using System.Runtime.InteropServices;
using System.Security.Cryptography;
using EdgeAgent.Graph.Import.Onnx;
using EdgeAgent.Graph.Ir;
using Google.Protobuf;

namespace EdgeAgent.Graph.Export.Onnx;

/// <summary>Writes constants as initializers on first use; equal ones are written once.</summary>
internal sealed class OnnxConstants(GraphProto graph, OnnxNames names)
{
    private readonly Dictionary<string, string> _byContent = [];
    private readonly Dictionary<string, string> _byName = [];

    /// <summary>The name in the file of a value, constant or computed.</summary>
    public string Name(GraphSpec source, string name)
    {
        if (!source.Constants.TryGetValue(name, out var tensor))
            return names.Of(name);
        if (!_byName.TryGetValue(name, out var written))
            _byName[name] = written = source.Outputs.Any(o => o.Name == name) ? Write(tensor, name) : Of(tensor);
        return written;
    }

    /// <summary>The name of an initializer with the content of <paramref name="tensor"/>.</summary>
    public string Of(Tensor tensor)
    {
        var key = $"{tensor.Type}[{string.Join(',', tensor.Shape)}]{Convert.ToHexString(SHA256.HashData(Bytes(tensor)))}";
        if (!_byContent.TryGetValue(key, out var name))
            _byContent[key] = name = Write(tensor, names.Fresh());
        return name;
    }

    /// <summary>The name of a new initializer that no other node reads.</summary>
    public string Unshared(Tensor tensor) => Write(tensor, names.Fresh());

    private string Write(Tensor tensor, string name)
    {
        var proto = new TensorProto { Name = name, DataType = (int)OnnxTensors.TypeOf(tensor.Type), RawData = ByteString.CopyFrom(Bytes(tensor)) };
        foreach (var dimension in tensor.Shape)
            proto.Dims.Add(dimension);
        graph.Initializer.Add(proto);
        return name;
    }

    private static ReadOnlySpan<byte> Bytes(Tensor tensor)
    {
        if (!BitConverter.IsLittleEndian)
            throw new PlatformNotSupportedException("ONNX files are written on little-endian machines only");
        return tensor.Data switch
        {
            float[] values => MemoryMarshal.AsBytes(values.AsSpan()),
            byte[] values => values,
            sbyte[] values => MemoryMarshal.AsBytes(values.AsSpan()),
            int[] values => MemoryMarshal.AsBytes(values.AsSpan()),
            long[] values => MemoryMarshal.AsBytes(values.AsSpan()),
            bool[] values => MemoryMarshal.AsBytes(values.AsSpan()),
            _ => throw new InvalidOperationException($"no element type {tensor.Type}"),
        };
    }
}
