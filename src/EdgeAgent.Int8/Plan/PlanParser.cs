using System.Buffers.Binary;

namespace EdgeAgent.Int8.Plan;

/// <summary>What a plan's bytes say, before <see cref="PlanValidator"/> has checked that it makes sense.</summary>
internal sealed record ParsedPlan(
    string Name, PlanTensor[] Tensors, PlanOperator[] Operators, int Output, int ConstantsOffset, int ConstantsLength);

/// <summary>Reads the format of <see cref="PlanFormat"/> from untrusted bytes.</summary>
internal static class PlanParser
{
    /// <exception cref="PlanFormatException">The bytes are not a whole plan of a version that is known.</exception>
    public static ParsedPlan Parse(ReadOnlySpan<byte> bytes)
    {
        if (bytes.Length < PlanFormat.HeaderLength || !bytes.StartsWith(PlanFormat.Magic))
            throw new PlanFormatException("plan: this is not a plan file (it does not begin with EDGEPLAN)");
        var version = BinaryPrimitives.ReadInt32LittleEndian(bytes[8..]);
        if (version is < PlanFormat.OldestVersion or > PlanFormat.NewestVersion)
            throw new PlanFormatException(
                $"plan: version {version} is not supported, this engine reads versions {PlanFormat.OldestVersion} to {PlanFormat.NewestVersion}; update the agent, or export the model again");
        var length = BinaryPrimitives.ReadUInt32LittleEndian(bytes[16..]);
        if (length != (uint)bytes.Length)
            throw new PlanFormatException($"plan: {bytes.Length} bytes present, the header says {length}: the file is truncated or has been appended to");
        var checksum = BinaryPrimitives.ReadUInt32LittleEndian(bytes[12..]);
        if (checksum != PlanFormat.Checksum(bytes[PlanFormat.ChecksumStart..]))
            throw new PlanFormatException("plan: the checksum does not match, the file is damaged; transfer it again");

        var reader = new PlanReader(bytes, 20);
        var tensorCount = reader.ReadCount(PlanFormat.MaxTensors, "number of tensors");
        var operatorCount = reader.ReadCount(PlanFormat.MaxOperators, "number of operators");
        if (tensorCount == 0)
            throw new PlanFormatException("plan: it has no tensors");
        var output = reader.ReadCount(tensorCount - 1, "output tensor");
        var constants = reader.ReadCount(bytes.Length, "offset of the constants");
        if (constants % PlanFormat.Alignment != 0 || constants < PlanFormat.HeaderLength)
            throw new PlanFormatException($"plan: the constants begin at {constants}, which is not a multiple of {PlanFormat.Alignment}");

        reader = new PlanReader(bytes[..constants], 36);
        var name = reader.ReadString(reader.ReadCount(PlanFormat.MaxNameLength, "length of the name"), "name");
        var tensors = new List<PlanTensor>();
        for (var i = 0; i < tensorCount; i++)
            tensors.Add(ReadTensor(ref reader, i));
        var operators = new List<PlanOperator>();
        for (var i = 0; i < operatorCount; i++)
            operators.Add(ReadOperator(ref reader, tensorCount));
        if (constants - reader.Position >= PlanFormat.Alignment || bytes[reader.Position..constants].ContainsAnyExcept((byte)0))
            throw new PlanFormatException($"plan: unexpected bytes between the tables (end at {reader.Position}) and the constants (from {constants})");
        return new(name, [.. tensors], [.. operators], output, constants, bytes.Length - constants);
    }

    private static PlanTensor ReadTensor(ref PlanReader reader, int index)
    {
        var shape = new PlanShape(
            reader.ReadCount(PlanShape.MaxSide, "height"), reader.ReadCount(PlanShape.MaxSide, "width"), reader.ReadCount(PlanShape.MaxSide, "channels"));
        var element = reader.ReadByte();
        var zeroPoint = reader.ReadByte();
        if (element > (byte)PlanElement.Float32 || reader.ReadUInt16() != 0)
            throw new PlanFormatException($"plan: tensor {index} has an unknown element type");
        return new(shape, (PlanElement)element, new(reader.ReadSingle(), zeroPoint));
    }

    private static PlanOperator ReadOperator(ref PlanReader reader, int tensorCount)
    {
        var start = reader.Position;
        var kind = reader.ReadByte();
        var name = reader.ReadString(reader.ReadByte(), "operator name");
        var count = reader.ReadUInt16();
        if (count > PlanFormat.MaxInputs)
            throw new PlanFormatException($"plan: operator '{name}' has {count} inputs, more than {PlanFormat.MaxInputs} are not allowed");
        var inputs = new int[count];
        for (var i = 0; i < count; i++)
            inputs[i] = reader.ReadCount(tensorCount - 1, "input tensor");
        var output = reader.ReadCount(tensorCount - 1, "output tensor");
        return (OperatorKind)kind switch
        {
            OperatorKind.Quantize when count == 0 => new QuantizeInput(name, output),
            OperatorKind.Convolution => new Convolution(
                name, inputs, output, ReadWindow(ref reader), reader.ReadCount(PlanShape.MaxSide, "groups"), ReadBounds(ref reader),
                ReadConstant(ref reader), ReadConstant(ref reader), ReadConstant(ref reader)),
            OperatorKind.Elementwise => new Elementwise(name, inputs, output, (Arithmetic)ReadEnum(ref reader, 2), ReadBounds(ref reader)),
            OperatorKind.Concat => new Concatenation(name, inputs, output, (ConcatAxis)ReadEnum(ref reader, 2)),
            OperatorKind.MaxPool => new MaxPooling(name, inputs, output, ReadWindow(ref reader)),
            OperatorKind.AveragePool => new AveragePooling(
                name, inputs, output, ReadWindow(ref reader), ReadEnum(ref reader, 1) == 1, ReadBounds(ref reader)),
            OperatorKind.Pad => new Padding(name, inputs, output,
                reader.ReadCount(PlanShape.MaxSide, "pad"), reader.ReadCount(PlanShape.MaxSide, "pad"),
                reader.ReadCount(PlanShape.MaxSide, "pad"), reader.ReadCount(PlanShape.MaxSide, "pad"), reader.ReadByte()),
            OperatorKind.Table => new TableLookup(name, inputs, output, ReadConstant(ref reader)),
            OperatorKind.Reshape => new Reshaping(name, inputs, output),
            OperatorKind.Dequantize => new Dequantization(name, inputs, output),
            OperatorKind.Softmax => new SoftmaxHead(name, inputs, output),
            OperatorKind.Constant when count == 0 => new ConstantTensor(name, output, ReadConstant(ref reader)),
            OperatorKind.ArgMax => new ArgMaxHead(name, inputs, output),
            _ => throw new PlanFormatException($"plan: operator kind {kind} at byte {start} is unknown"),
        };
    }

    private static byte ReadEnum(ref PlanReader reader, byte max)
    {
        var value = reader.ReadByte();
        return value <= max ? value : throw new PlanFormatException($"plan: value {value} at byte {reader.Position - 1} is unknown");
    }

    private static ActivationBounds ReadBounds(ref PlanReader reader) => new(reader.ReadByte(), reader.ReadByte());

    private static Constant ReadConstant(ref PlanReader reader) =>
        new(reader.ReadCount(int.MaxValue, "constant offset"), reader.ReadCount(int.MaxValue, "constant length"));

    private static PlanWindow ReadWindow(ref PlanReader reader)
    {
        const int max = PlanShape.MaxSide;
        return new(
            reader.ReadCount(max, "kernel height"), reader.ReadCount(max, "kernel width"),
            reader.ReadCount(max, "stride"), reader.ReadCount(max, "stride"),
            reader.ReadCount(max, "pad"), reader.ReadCount(max, "pad"), reader.ReadCount(max, "pad"), reader.ReadCount(max, "pad"),
            reader.ReadCount(max, "dilation"), reader.ReadCount(max, "dilation"));
    }
}
