using System.Buffers.Binary;
using System.Numerics;
using System.Runtime.InteropServices;
using System.Text;
using EdgeAgent.Graph.Import.TensorFlow;
using EdgeAgent.Graph.Ir;
using Google.Protobuf;

namespace EdgeAgent.Tests.Graph.TensorFlow;

/// <summary>Writes a checkpoint as TensorFlow does: one data shard, and an index in LevelDB's table format in which keys share prefixes.</summary>
internal static class BundleWriter
{
    private const int RestartInterval = 16;

    public static (byte[] Index, byte[] Data) Write(IEnumerable<KeyValuePair<string, Tensor>> variables)
    {
        var data = new MemoryStream();
        var entries = new List<(string Key, byte[] Value)> { ("", new BundleHeaderProto { NumShards = 1 }.ToByteArray()) };
        foreach (var (key, tensor) in variables.OrderBy(v => v.Key, StringComparer.Ordinal))
        {
            var bytes = MemoryMarshal.AsBytes<float>(tensor.Floats).ToArray();
            entries.Add((key, new BundleEntryProto { Dtype = (int)TfType.Float, Shape = Shape(tensor.Shape), Offset = data.Length, Size = bytes.Length, Crc32C = Masked(bytes) }.ToByteArray()));
            data.Write(bytes);
        }
        return (Table(entries), data.ToArray());
    }

    /// <summary>The table of these entries, which are in order; every block with its checksum.</summary>
    public static byte[] Table(IReadOnlyList<(string Key, byte[] Value)> entries)
    {
        var file = new MemoryStream();
        var block = Append(file, Block(entries));
        var meta = Append(file, Block([]));
        var index = Append(file, Block([(entries[^1].Key + "\u007f", block)]));
        var footer = new byte[40];
        meta.CopyTo(footer, 0);
        index.CopyTo(footer, meta.Length);
        file.Write(footer);
        file.Write(BitConverter.GetBytes(0xdb4775248b80fb57));
        return file.ToArray();
    }

    public static TensorShapeProto Shape(int[] shape)
    {
        var proto = new TensorShapeProto();
        proto.Dim.AddRange(shape.Select(d => new TensorShapeProto.Types.Dim { Size = d }));
        return proto;
    }

    private static byte[] Block(IReadOnlyList<(string Key, byte[] Value)> entries)
    {
        var block = new MemoryStream();
        var restarts = new List<int>();
        byte[] last = [];
        foreach (var (i, (text, value)) in entries.Index())
        {
            var key = Encoding.UTF8.GetBytes(text);
            var shared = 0;
            if (i % RestartInterval == 0)
                restarts.Add((int)block.Length);
            else
                while (shared < Math.Min(last.Length, key.Length) && last[shared] == key[shared])
                    shared++;
            block.Write([.. Varint(shared), .. Varint(key.Length - shared), .. Varint(value.Length), .. key[shared..], .. value]);
            last = key;
        }
        foreach (var restart in restarts.DefaultIfEmpty())
            block.Write(BitConverter.GetBytes(restart));
        block.Write(BitConverter.GetBytes(Math.Max(1, restarts.Count)));
        return block.ToArray();
    }

    /// <summary>Writes a block with its trailer (no compression, checksum) and gives its handle.</summary>
    private static byte[] Append(MemoryStream file, byte[] block)
    {
        byte[] handle = [.. Varint(file.Length), .. Varint(block.Length)];
        file.Write([.. block, 0]);
        file.Write(BitConverter.GetBytes(Masked([.. block, 0])));
        return handle;
    }

    private static byte[] Varint(long value)
    {
        var bytes = new List<byte>();
        for (; value >= 0x80; value >>= 7)
            bytes.Add((byte)(value | 0x80));
        return [.. bytes, (byte)value];
    }

    /// <summary>CRC-32C bit by bit (polynomial 0x82f63b78, reflected), masked as LevelDB does.</summary>
    private static uint Masked(byte[] bytes)
    {
        var crc = uint.MaxValue;
        foreach (var value in bytes)
        {
            crc ^= value;
            for (var bit = 0; bit < 8; bit++)
                crc = (crc & 1) != 0 ? crc >> 1 ^ 0x82f63b78 : crc >> 1;
        }
        return BitOperations.RotateRight(~crc, 15) + 0xa282ead8;
    }
}
