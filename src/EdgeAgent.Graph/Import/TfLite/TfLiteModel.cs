using System.Text;

namespace EdgeAgent.Graph.Import.TfLite;

/// <summary>Element types by their published numbers.</summary>
internal enum TfLiteType : byte
{
    Float32 = 0,
    Float16 = 1,
    Int32 = 2,
    UInt8 = 3,
    Int64 = 4,
    String = 5,
    Bool = 6,
    Int16 = 7,
    Complex64 = 8,
    Int8 = 9,
    Float64 = 10,
    Complex128 = 11,
    UInt64 = 12,
    Resource = 13,
    Variant = 14,
    UInt32 = 15,
    UInt16 = 16,
    Int4 = 17,
}

/// <summary>real = Scales[c] * (q - ZeroPoints[c]), c along <paramref name="Axis"/>; one entry where all elements share it.</summary>
internal sealed record TfLiteQuantization(float[] Scales, int[] ZeroPoints, int Axis);

/// <param name="Data">Of a constant; empty for values that are computed.</param>
/// <param name="IsVariable">State that a recurrent operator keeps.</param>
internal sealed record TfLiteTensor(
    string Name, TfLiteType Type, int[] Shape, ReadOnlyMemory<byte> Data, TfLiteQuantization? Quantization, bool IsVariable)
{
    /// <summary>The shape with -1 for sizes that are open; empty where none is.</summary>
    public int[] Signature { get; init; } = [];

    public bool IsConstant => !Data.IsEmpty;

    /// <summary>
    /// An activation in 8 bits. One of 16 bits is computed in float32, as are the sums of its layers: its steps are too fine for
    /// results to depend on them.
    /// </summary>
    public bool IsQuantized => Quantization is { Scales.Length: 1 } && Type is TfLiteType.Int8 or TfLiteType.UInt8;
}

/// <param name="Inputs">Indices of tensors, as are the outputs.</param>
internal sealed record TfLiteSubgraph(
    IReadOnlyList<TfLiteTensor> Tensors, IReadOnlyList<int> Inputs, IReadOnlyList<int> Outputs, IReadOnlyList<TfLiteNode> Operators);

/// <summary>The part of a TensorFlow Lite file that EdgeAgent reads, by the field ids published with version 3 of its schema.</summary>
/// <param name="Subgraphs">First the model; the others, what its control flow calls among them, are read when they are asked for.</param>
internal sealed record TfLiteModel(FlatFile File, IReadOnlyList<Lazy<TfLiteSubgraph>> Subgraphs, IReadOnlyDictionary<string, string> Metadata)
{
    private const int MaxDimensions = 8, BytesOfEntry = 64;
    private const int MaxMetadataBytes = 1 << 16;

    public static TfLiteModel Read(byte[] bytes)
    {
        var file = new FlatFile(bytes);
        var root = file.Root();
        var version = root.Int(0);
        if (version != 3)
            throw new ImportFault($"is of schema version {version}; version 3 is supported");
        var buffers = root.Tables(4);
        var graphs = root.Tables(2);
        if (graphs.Length == 0)
            throw new ImportFault("holds no subgraph");
        var codes = Array.ConvertAll(root.Tables(1), Code);
        Lazy<TfLiteSubgraph>[] subgraphs = [.. graphs.Select((g, i) => new Lazy<TfLiteSubgraph>(() => Subgraph(g, i, buffers, codes, file)))];
        return new(file, subgraphs, ReadMetadata(root, buffers, file));
    }

    private static TfLiteSubgraph Subgraph(FlatTable table, int index, FlatTable[] buffers, string[] codes, FlatFile file)
    {
        var place = index == 0 ? "" : $"subgraph {index}, ";
        // Tables may be shared, what is made of them is not.
        if (index > 0)
            file.Spend((long)BytesOfEntry * (table.Tables(0).Length + table.Tables(3).Length));
        TfLiteTensor[] tensors = [.. table.Tables(0).Select((t, i) => Tensor(t, place, i, buffers, file))];
        var operators = new List<TfLiteNode>();
        foreach (var op in table.Tables(3))
        {
            var code = op.Int(0);
            if (code < 0 || code >= codes.Length)
                throw new ImportFault($"{place}operator {operators.Count} has code {code}, of {codes.Length}");
            operators.Add(new TfLiteNode($"{place}operator {operators.Count}", codes[code], tensors, op.Ints(1) ?? [], op.Ints(2) ?? [], op.Table(4), op.Bytes(5)));
        }
        int[] References(int field, string what)
        {
            var indices = table.Ints(field) ?? [];
            foreach (var tensor in indices)
                if (tensor < 0 || tensor >= tensors.Length)
                    throw new ImportFault($"{place}{what} {tensor} is no tensor of {tensors.Length}");
            // What is called for its effects needs neither.
            return indices.Length > 0 || index > 0 ? indices : throw new ImportFault($"the model has no {what}");
        }
        return new(tensors, References(1, "input"), References(2, "output"), operators);
    }

    private static string Code(FlatTable table)
    {
        // Codes above 126 have a field of their own; older files have only the first.
        var code = Math.Max(table.Int(3), (int)(sbyte)table.Byte(0));
        var custom = table.String(1);
        return custom.Length > 0 ? custom : TfLiteNames.OfOperator(code);
    }

    private static TfLiteTensor Tensor(FlatTable table, string subgraph, int index, FlatTable[] buffers, FlatFile file)
    {
        var name = table.String(3);
        var place = $"{subgraph}tensor {index} '{ModelImportException.OneLine(name)}'";
        var shape = table.Ints(0) ?? [];
        if (shape.Length > MaxDimensions)
            throw new ImportFault($"{place} has {shape.Length} dimensions; at most {MaxDimensions} are supported");
        var buffer = table.Int(2);
        if (buffer < 0 || buffer >= buffers.Length && buffer > 0)
            throw new ImportFault($"{place} has its data in buffer {buffer}, of {buffers.Length}");
        var type = (TfLiteType)table.Byte(1);
        var data = buffer == 0 ? default : Data(buffers[buffer], file);
        if (table.Table(6) is { } sparsity && data.Length > 0)
            data = TfLiteSparsity.Densified(sparsity, shape, data.Span, TfLiteTensors.BytesOf(type, place), file, place);
        return new(name, type, shape, data, Quantization(table.Table(4), place), table.Flag(5))
        {
            Signature = table.Ints(7) ?? [],
        };
    }

    private static ReadOnlyMemory<byte> Data(FlatTable buffer, FlatFile file) =>
        // Files of more than 2 GB have their data behind the flatbuffer.
        buffer.Long(1) > 1 ? file.Slice(buffer.Long(1), buffer.Long(2)) : buffer.Bytes(0);

    private static TfLiteQuantization? Quantization(FlatTable? table, string place)
    {
        if (table?.Floats(2) is not { Length: > 0 } scales)
            return null;
        var zeros = table.Value.Longs(3) ?? [];
        if (zeros.Length == 0)
            zeros = new long[scales.Length];
        if (zeros.Length != scales.Length || zeros.Any(z => z is < -255 or > 255) || scales.Any(s => !float.IsFinite(s) || s < 0))
            throw new ImportFault($"{place} has scales or zero points that do not fit one another; the file is damaged");
        return new(scales, Array.ConvertAll(zeros, z => (int)z), table.Value.Int(6));
    }

    /// <summary>Metadata that is text; other entries are blobs of other tools.</summary>
    private static Dictionary<string, string> ReadMetadata(FlatTable root, FlatTable[] buffers, FlatFile file)
    {
        var metadata = new Dictionary<string, string>();
        foreach (var entry in root.Tables(6))
        {
            var index = entry.Int(1);
            if (index < 0 || index >= buffers.Length)
                continue;
            var bytes = Data(buffers[index], file);
            if (bytes.Length > MaxMetadataBytes || !IsText(bytes.Span))
                continue;
            file.Spend(bytes.Length);
            metadata[entry.String(0)] = Encoding.UTF8.GetString(bytes.Span).TrimEnd('\0');
        }
        return metadata;
    }

    private static bool IsText(ReadOnlySpan<byte> bytes)
    {
        var text = bytes.TrimEnd((byte)0);
        return System.Text.Unicode.Utf8.IsValid(text) && !text.ContainsAnyInRange((byte)0, (byte)8);
    }
}
