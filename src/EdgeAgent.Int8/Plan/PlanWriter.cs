using System.Buffers.Binary;
using System.Text;

namespace EdgeAgent.Int8.Plan;

/// <summary>Writes the format of <see cref="PlanFormat"/>; <see cref="PlanParser"/> reads it.</summary>
internal static class PlanWriter
{
    public static byte[] Write(
        string name, IReadOnlyList<PlanTensor> tensors, IReadOnlyList<PlanOperator> operators, int output, ReadOnlySpan<byte> constants)
    {
        var body = new MemoryStream();
        using var w = new BinaryWriter(body);
        w.Write(PlanFormat.Magic);
        var version = PlanFormat.OldestVersion;
        foreach (var op in operators)
            version = Math.Max(version, PlanFormat.VersionOf(op, tensors));
        w.Write(version);
        w.Write(0); // checksum
        w.Write(0); // total length
        w.Write(tensors.Count);
        w.Write(operators.Count);
        w.Write(output);
        w.Write(0); // offset of the constants
        var utf8 = Encoding.UTF8.GetBytes(name);
        w.Write(utf8.Length);
        w.Write(utf8);
        foreach (var t in tensors)
            WriteTensor(w, t);
        foreach (var op in operators)
            WriteOperator(w, op);
        var constantsStart = PlanFormat.Align((int)body.Length);
        var bytes = new byte[constantsStart + constants.Length];
        body.GetBuffer().AsSpan(0, (int)body.Length).CopyTo(bytes);
        constants.CopyTo(bytes.AsSpan(constantsStart));
        BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan(16), bytes.Length);
        BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan(32), constantsStart);
        BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(12), PlanFormat.Checksum(bytes.AsSpan(PlanFormat.ChecksumStart)));
        return bytes;
    }

    private static void WriteTensor(BinaryWriter w, PlanTensor t)
    {
        w.Write(t.Shape.Height);
        w.Write(t.Shape.Width);
        w.Write(t.Shape.Channels);
        w.Write((byte)t.Element);
        w.Write((byte)t.Quantization.ZeroPoint);
        w.Write((ushort)0);
        w.Write(t.Quantization.Scale);
    }

    private static void WriteOperator(BinaryWriter w, PlanOperator op)
    {
        w.Write((byte)KindOf(op));
        var utf8 = Encoding.UTF8.GetBytes(op.Name);
        w.Write((byte)utf8.Length);
        w.Write(utf8);
        w.Write((ushort)op.Inputs.Length);
        foreach (var input in op.Inputs)
            w.Write(input);
        w.Write(op.Output);
        switch (op)
        {
            case Convolution c:
                WriteWindow(w, c.Window);
                w.Write(c.Groups);
                WriteBounds(w, c.Bounds);
                WriteConstant(w, c.Weights);
                WriteConstant(w, c.Scales);
                WriteConstant(w, c.Bias);
                break;
            case Elementwise e:
                w.Write((byte)e.Kind);
                WriteBounds(w, e.Bounds);
                break;
            case Concatenation c:
                w.Write((byte)c.Axis);
                break;
            case MaxPooling m:
                WriteWindow(w, m.Window);
                break;
            case AveragePooling a:
                WriteWindow(w, a.Window);
                w.Write(a.CountIncludePad);
                WriteBounds(w, a.Bounds);
                break;
            case Padding p:
                w.Write(p.Top);
                w.Write(p.Left);
                w.Write(p.Bottom);
                w.Write(p.Right);
                w.Write(p.Value);
                break;
            case TableLookup t:
                WriteConstant(w, t.Table);
                break;
            case ConstantTensor c:
                WriteConstant(w, c.Values);
                break;
        }
    }

    private static OperatorKind KindOf(PlanOperator op) => op switch
    {
        QuantizeInput => OperatorKind.Quantize,
        Convolution => OperatorKind.Convolution,
        Elementwise => OperatorKind.Elementwise,
        Concatenation => OperatorKind.Concat,
        MaxPooling => OperatorKind.MaxPool,
        AveragePooling => OperatorKind.AveragePool,
        Padding => OperatorKind.Pad,
        TableLookup => OperatorKind.Table,
        Reshaping => OperatorKind.Reshape,
        Dequantization => OperatorKind.Dequantize,
        SoftmaxHead => OperatorKind.Softmax,
        ConstantTensor => OperatorKind.Constant,
        ArgMaxHead => OperatorKind.ArgMax,
        _ => throw new InvalidOperationException($"no format for {op.GetType().Name}"),
    };

    private static void WriteWindow(BinaryWriter w, PlanWindow v)
    {
        foreach (var field in (ReadOnlySpan<int>)[v.KernelHeight, v.KernelWidth, v.StrideY, v.StrideX,
            v.PadTop, v.PadLeft, v.PadBottom, v.PadRight, v.DilationY, v.DilationX])
            w.Write(field);
    }

    private static void WriteBounds(BinaryWriter w, ActivationBounds b)
    {
        w.Write(b.Low);
        w.Write(b.High);
    }

    private static void WriteConstant(BinaryWriter w, Constant c)
    {
        w.Write(c.Offset);
        w.Write(c.Length);
    }
}
