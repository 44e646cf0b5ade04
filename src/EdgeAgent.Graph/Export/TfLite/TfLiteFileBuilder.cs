using System.Runtime.InteropServices;
using EdgeAgent.Graph.Import.TfLite;
using EdgeAgent.Graph.Ir;
using Google.FlatBuffers;

namespace EdgeAgent.Graph.Export.TfLite;

/// <summary>Options of an operator: the table, and its fields (int, byte, bool, float or int[]) by id.</summary>
internal sealed record TfLiteOptions(TfLiteTable Table, params (int Id, object Value)[] Fields);

/// <summary>Collects tensors and operators and lays them out as a flatbuffer, by the field ids published with schema version 3.</summary>
internal sealed class TfLiteFileBuilder
{
    private const int Schema = 3;
    // Kernels load vectors straight from the file.
    private const int DataAlignment = 16;

    private readonly List<FileTensor> _tensors = [];
    private readonly List<FileOperator> _operators = [];
    private readonly List<Array> _buffers = [Array.Empty<byte>()];
    private readonly Dictionary<Array, int> _bufferOf = new(ReferenceEqualityComparer.Instance);
    /// <summary>Subgraphs beside this one, of all of the file.</summary>
    private readonly List<(TfLiteFileBuilder Content, int[] Inputs, int[] Outputs)> _called = [];

    public TfLiteFileBuilder()
    {
    }

    private TfLiteFileBuilder(TfLiteFileBuilder file) => (_buffers, _bufferOf, _called) = (file._buffers, file._bufferOf, file._called);

    /// <summary>A value that is computed; dimension -k is k times the dynamic batch, which is 1 in the shape and open in its signature.</summary>
    public int Value(string name, ElementType type, int[] shape, TfLiteQuantization? quantization) => Add(new(name, type, shape, 0, quantization));

    /// <summary>A constant; those of the same array share the bytes in the file.</summary>
    public int Constant(string name, Tensor tensor, TfLiteQuantization? quantization = null)
    {
        if (!_bufferOf.TryGetValue(tensor.Data, out var buffer))
        {
            _bufferOf[tensor.Data] = buffer = _buffers.Count;
            _buffers.Add(tensor.Data);
        }
        return Add(new(name, tensor.Type, tensor.Shape, buffer, quantization));
    }

    /// <summary>State that a recurrent operator keeps while it runs: zero in the beginning.</summary>
    public int Variable(string name, int[] shape) => Add(new(name, ElementType.Float32, shape, 0, null, IsVariable: true));

    public void Operator(string name, int[] inputs, int[] outputs, TfLiteOptions? options = null) => _operators.Add(new(name, inputs, outputs, options));

    /// <summary>A subgraph that operators of control flow call.</summary>
    /// <param name="fill">Adds its tensors and operators, and returns its inputs and outputs.</param>
    /// <returns>Its number.</returns>
    public int Subgraph(Func<TfLiteFileBuilder, (int[] Inputs, int[] Outputs)> fill)
    {
        var content = new TfLiteFileBuilder(this);
        var (inputs, outputs) = fill(content);
        _called.Add((content, inputs, outputs));
        return _called.Count;
    }

    public byte[] ToBytes(string name, int[] inputs, int[] outputs, IReadOnlyDictionary<string, string> metadata)
    {
        var entries = metadata.OrderBy(m => m.Key, StringComparer.Ordinal).ToList();
        var first = _buffers.Count;
        Array[] buffers = [.. _buffers, .. entries.Select(e => System.Text.Encoding.UTF8.GetBytes(e.Value))];
        var b = new FlatBufferBuilder(1 << 16);
        var data = Array.ConvertAll(buffers, buffer => Buffer(b, buffer));
        string[] codes = [.. _called.Select(c => c.Content).Prepend(this).SelectMany(c => c._operators).Select(o => o.Name).Distinct()];
        Offset[] graphs = [WriteGraph(b, name, inputs, outputs, codes), .. _called.Select((c, i) => c.Content.WriteGraph(b, $"{name}_{i + 1}", c.Inputs, c.Outputs, codes))];
        var root = Table(b,
            (0, Schema),
            (1, Offsets(b, Array.ConvertAll(codes, c => Code(b, c)))),
            (2, Offsets(b, graphs)),
            (3, Text(b, "EdgeAgent")),
            (4, Offsets(b, data)),
            (6, Offsets(b, [.. entries.Select((e, i) => Table(b, (0, Text(b, e.Key)), (1, first + i)))])));
        b.Finish(root.At, "TFL3");
        return b.SizedByteArray();
    }

    private Offset WriteGraph(FlatBufferBuilder b, string name, int[] inputs, int[] outputs, string[] codes) => Table(b,
        (0, Offsets(b, [.. _tensors.Select(t => WriteTensor(b, t))])),
        (1, Ints(b, inputs)),
        (2, Ints(b, outputs)),
        (3, Offsets(b, [.. _operators.Select(o => WriteOperator(b, o, Array.IndexOf(codes, o.Name)))])),
        (4, Text(b, name)));

    private int Add(FileTensor tensor)
    {
        _tensors.Add(tensor);
        return _tensors.Count - 1;
    }

    // Versions tell old runtimes what they cannot run: int8 begins with 2, per-channel weights with 3, int8 dense layers with 4.
    private Offset Code(FlatBufferBuilder b, string name)
    {
        var integers = _operators.Any(o => o.Name == name && o.Inputs.Any(i => i >= 0 && _tensors[i].Type == ElementType.Int8));
        var version = (name, integers) switch
        {
            (_, false) => 1,
            ("CONV_2D" or "DEPTHWISE_CONV_2D", _) => 3,
            ("FULLY_CONNECTED", _) => 4,
            ("RESHAPE" or "HARD_SWISH", _) => 1,
            _ => 2,
        };
        var code = TfLiteNames.CodeOf(name);
        return Table(b, (0, (byte)Math.Min(code, sbyte.MaxValue)), (2, version), (3, code));
    }

    private Offset Buffer(FlatBufferBuilder b, Array data)
    {
        if (data.Length == 0)
            return Table(b);
        var bytes = Bytes(data);
        b.StartVector(1, bytes.Length, DataAlignment);
        b.Put<byte>(bytes);
        return Table(b, (0, new Offset(b.EndVector().Value)));
    }

    private static byte[] Bytes(Array data)
    {
        if (!BitConverter.IsLittleEndian)
            throw new PlatformNotSupportedException("TensorFlow Lite files are written on little-endian machines only");
        return data switch
        {
            float[] values => MemoryMarshal.AsBytes(values.AsSpan()).ToArray(),
            int[] values => MemoryMarshal.AsBytes(values.AsSpan()).ToArray(),
            long[] values => MemoryMarshal.AsBytes(values.AsSpan()).ToArray(),
            bool[] values => MemoryMarshal.AsBytes(values.AsSpan()).ToArray(),
            // To the runtime an sbyte[] is a byte[] too.
            byte[] values => values.AsSpan().ToArray(),
            _ => throw new InvalidOperationException($"no bytes of {data.GetType()}"),
        };
    }

    private static Offset WriteTensor(FlatBufferBuilder b, FileTensor tensor)
    {
        var fields = new List<(int, object)>
        {
            (0, Ints(b, Array.ConvertAll(tensor.Shape, Math.Abs))),
            (1, (byte)TfLiteTensors.TypeOf(tensor.Type)),
            (2, tensor.Buffer),
            (3, Text(b, tensor.Name)),
        };
        if (tensor.Quantization is { } quantization)
            fields.Add((4, Table(b,
                (2, Vector(b, quantization.Scales, 4, b.AddFloat)),
                (3, Vector(b, Array.ConvertAll(quantization.ZeroPoints, z => (long)z), 8, b.AddLong)),
                (6, quantization.Axis))));
        if (tensor.IsVariable)
            fields.Add((5, true));
        if (tensor.Shape.Any(d => d < 0))
            fields.Add((7, Ints(b, Array.ConvertAll(tensor.Shape, d => Math.Max(d, -1)))));
        fields.Add((8, true));
        return Table(b, [.. fields]);
    }

    private static Offset WriteOperator(FlatBufferBuilder b, FileOperator op, int code)
    {
        var fields = new List<(int, object)> { (0, code), (1, Ints(b, op.Inputs)), (2, Ints(b, op.Outputs)) };
        if (op.Options is { } options)
        {
            fields.Add((3, (byte)options.Table));
            fields.Add((4, Table(b, Array.ConvertAll(options.Fields, f => (f.Id, f.Value is int[] values ? Ints(b, values) : f.Value)))));
        }
        return Table(b, [.. fields]);
    }

    /// <summary>Everything that a table points to must lie in the file before the table begins: nested offsets are made first.</summary>
    internal static Offset Table(FlatBufferBuilder b, params (int Id, object Value)[] fields)
    {
        b.StartTable(fields.Length == 0 ? 0 : fields.Max(f => f.Id) + 1);
        foreach (var (id, value) in fields)
            switch (value)
            {
                case Offset offset:
                    b.AddOffset(id, offset.At, 0);
                    break;
                case int number:
                    b.AddInt(id, number, 0);
                    break;
                case float number:
                    b.AddFloat(id, number, 0);
                    break;
                case byte number:
                    b.AddByte(id, number, 0);
                    break;
                case bool flag:
                    b.AddBool(id, flag, false);
                    break;
                default:
                    throw new InvalidOperationException($"no field of {value.GetType()}");
            }
        return new(b.EndTable());
    }

    internal static Offset Text(FlatBufferBuilder b, string text) => new(b.CreateString(text).Value);

    internal static Offset Ints(FlatBufferBuilder b, int[] values) => Vector(b, values, 4, b.AddInt);

    internal static Offset Offsets(FlatBufferBuilder b, Offset[] offsets) => Vector(b, offsets, 4, o => b.AddOffset(o.At));

    /// <summary>Flatbuffers grow from the end: elements are written last first.</summary>
    internal static Offset Vector<T>(FlatBufferBuilder b, T[] values, int size, Action<T> add)
    {
        b.StartVector(size, values.Length, size);
        for (var i = values.Length - 1; i >= 0; i--)
            add(values[i]);
        return new(b.EndVector().Value);
    }

    internal readonly record struct Offset(int At);

    private sealed record FileTensor(string Name, ElementType Type, int[] Shape, int Buffer, TfLiteQuantization? Quantization, bool IsVariable = false);

    private sealed record FileOperator(string Name, int[] Inputs, int[] Outputs, TfLiteOptions? Options);
}
