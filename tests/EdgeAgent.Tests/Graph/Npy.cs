using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text.RegularExpressions;
using EdgeAgent.Graph.Ir;

namespace EdgeAgent.Tests.Graph;

/// <summary>NumPy's .npy files of float32 and int8, in C order.</summary>
internal static partial class Npy
{
    public static Tensor Read(string path)
    {
        var bytes = File.ReadAllBytes(path);
        Assert.True(bytes.AsSpan(1).StartsWith("NUMPY"u8), $"{path} is no .npy file");
        var length = BinaryPrimitives.ReadUInt16LittleEndian(bytes.AsSpan(8));
        var header = System.Text.Encoding.ASCII.GetString(bytes, 10, length);
        Assert.Contains("'fortran_order': False", header);
        var shape = Shape().Match(header).Groups[1].Value.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries).Select(int.Parse).ToArray();
        var data = bytes.AsSpan(10 + length);
        return header.Contains("'<f4'")
            ? Tensor.Of(MemoryMarshal.Cast<byte, float>(data).ToArray(), shape)
            : Tensor.Of(MemoryMarshal.Cast<byte, sbyte>(data).ToArray(), shape);
    }

    public static void Write(string path, Tensor tensor)
    {
        var header = $"{{'descr': '<f4', 'fortran_order': False, 'shape': ({string.Concat(tensor.Shape.Select(d => $"{d}, "))}), }}";
        header = header.PadRight((10 + header.Length + 64) / 64 * 64 - 11) + '\n';
        using var file = new BinaryWriter(File.Create(path));
        file.Write([0x93, .. "NUMPY"u8, 1, 0]);
        file.Write((ushort)header.Length);
        file.Write(System.Text.Encoding.ASCII.GetBytes(header));
        file.Write(MemoryMarshal.AsBytes(tensor.Floats.AsSpan()));
    }

    [GeneratedRegex(@"'shape': \(([^)]*)\)")]
    private static partial Regex Shape();
}
