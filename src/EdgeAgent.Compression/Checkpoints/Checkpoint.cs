using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;
using EdgeAgent.Compression.Distillation;
using EdgeAgent.Inputs;
using TorchSharp;
using Tensor = TorchSharp.torch.Tensor;

namespace EdgeAgent.Compression.Checkpoints;

/// <param name="Fingerprint">Hash of model, data and options: a run continues only what is its own.</param>
/// <param name="Pass">Name of the pass.</param>
/// <param name="Step">Steps done in it.</param>
/// <param name="Segments">Its schedule so far.</param>
/// <param name="ElapsedSeconds">Time of the budget used up to here.</param>
/// <param name="Crops">Crops of each image that the teacher answers for; 0 where it is asked every time.</param>
/// <param name="Curve">What was recorded on the way, for the report.</param>
public sealed record CheckpointHeader(string Fingerprint, string Pass, long Step, IReadOnlyList<ScheduleSegment> Segments, double ElapsedSeconds, int Crops, TrainingCurveState Curve);

/// <summary>
/// State of a pass on disk: a JSON header, then named tensors as raw float32, then a SHA-256 over all of it. Written beside the
/// old one, flushed and renamed over it, so that a run killed at any moment finds the one or the other.
/// </summary>
public static class Checkpoint
{
    private static ReadOnlySpan<byte> Magic => "EACKPT1\n"u8;

    public static void Write(string path, CheckpointHeader header, IEnumerable<(string Name, Tensor Value)> tensors)
    {
        var temporary = path + ".tmp";
        using (var file = new FileStream(temporary, FileMode.Create, FileAccess.Write, FileShare.None, 1 << 20))
        using (var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256))
        {
            void Put(ReadOnlySpan<byte> bytes)
            {
                hash.AppendData(bytes);
                file.Write(bytes);
            }
            void PutNumber(long number)
            {
                Span<byte> bytes = stackalloc byte[8];
                BinaryPrimitives.WriteInt64LittleEndian(bytes, number);
                Put(bytes);
            }
            Put(Magic);
            var json = JsonSerializer.SerializeToUtf8Bytes(header, CheckpointJson.Default.CheckpointHeader);
            PutNumber(json.Length);
            Put(json);
            foreach (var (name, value) in tensors)
            {
                using var scope = torch.NewDisposeScope();
                var flat = value.detach().contiguous();
                var label = Encoding.UTF8.GetBytes(name);
                PutNumber(label.Length);
                Put(label);
                PutNumber(flat.numel() * sizeof(float));
                Put(flat.bytes);
            }
            PutNumber(-1);
            file.Write(hash.GetHashAndReset());
            file.Flush(flushToDisk: true);
        }
        File.Move(temporary, path, overwrite: true);
    }

    public static bool Exists(string path) => File.Exists(path);

    public static CheckpointHeader ReadHeader(string path)
    {
        using var file = new Reader(path);
        return file.Header();
    }

    /// <summary>Fills the given tensors; all must be in the file with their size.</summary>
    /// <exception cref="InputException">Cut off, changed, or of another run.</exception>
    public static CheckpointHeader Read(string path, IEnumerable<(string Name, Tensor Value)> tensors)
    {
        Verify(path);
        using var reader = new Reader(path);
        var header = reader.Header();
        var wanted = tensors.ToDictionary(t => t.Name, t => t.Value);
        using var _ = torch.no_grad();
        while (reader.Tensor() is var (name, bytes))
        {
            if (!wanted.Remove(name, out var target))
                continue;
            if (target.numel() * sizeof(float) != bytes.Length)
                throw new InputException($"{path}: tensor '{name}' has {bytes.Length} bytes, not {target.numel() * sizeof(float)}; the checkpoint is of another run");
            using var scope = torch.NewDisposeScope();
            var numbers = new float[bytes.Length / sizeof(float)];
            Buffer.BlockCopy(bytes, 0, numbers, 0, bytes.Length);
            target.detach().copy_(torch.tensor(numbers, target.shape, torch.float32));
        }
        if (wanted.Count > 0)
            throw new InputException($"{path}: tensor '{wanted.Keys.First()}' is missing; the checkpoint is of another run");
        return header;
    }

    private static void Verify(string path)
    {
        using var file = File.OpenRead(path);
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var buffer = new byte[1 << 20];
        var left = file.Length - SHA256.HashSizeInBytes;
        while (left > 0)
        {
            var read = file.Read(buffer, 0, (int)Math.Min(buffer.Length, left));
            if (read == 0)
                break;
            hash.AppendData(buffer, 0, read);
            left -= read;
        }
        Span<byte> stored = stackalloc byte[SHA256.HashSizeInBytes];
        if (file.ReadAtLeast(stored, stored.Length, throwOnEndOfStream: false) < stored.Length || !hash.GetHashAndReset().AsSpan().SequenceEqual(stored))
            throw new InputException($"{path}: the checkpoint is cut off or changed; delete it and start again without --resume");
    }

    private sealed class Reader(string path) : IDisposable
    {
        private readonly BinaryReader _reader = new(File.OpenRead(path));

        public CheckpointHeader Header()
        {
            try
            {
                if (!_reader.ReadBytes(Magic.Length).AsSpan().SequenceEqual(Magic))
                    throw new InputException($"{path}: not a checkpoint; delete it and start again without --resume");
                return JsonSerializer.Deserialize(Block(), CheckpointJson.Default.CheckpointHeader)!;
            }
            catch (Exception fault) when (fault is JsonException or EndOfStreamException)
            {
                throw new InputException($"{path}: the checkpoint is damaged; delete it and start again without --resume", fault);
            }
        }

        public (string Name, byte[] Bytes)? Tensor()
        {
            var length = _reader.ReadInt64();
            return length < 0 ? null : (Encoding.UTF8.GetString(_reader.ReadBytes((int)length)), Block());
        }

        public void Dispose() => _reader.Dispose();

        private byte[] Block()
        {
            var length = _reader.ReadInt64();
            if (length < 0 || length > _reader.BaseStream.Length)
                throw new EndOfStreamException();
            return _reader.ReadBytes((int)length);
        }
    }
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase)]
[JsonSerializable(typeof(CheckpointHeader))]
internal sealed partial class CheckpointJson : JsonSerializerContext;
