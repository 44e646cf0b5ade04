using System.Security.Cryptography;
using System.Text.Json;
using EdgeAgent.Contracts.Benchmarks;
using EdgeAgent.Contracts.Json;
using EdgeAgent.Device.Storage;
using Microsoft.Win32.SafeHandles;

namespace EdgeAgent.Device.Reports;

/// <summary>
/// Events that the controller's database does not hold yet, in one append-only file. An event is on disk when
/// <see cref="Append"/> returns and leaves only after <see cref="Acknowledge"/>. Bounded: when it is full, the oldest
/// benchmarks go; events of deployments never do. Thread-safe.
/// </summary>
internal sealed class ReportSpool : IDisposable
{
    public const long DefaultMaxBytes = 4 << 20;

    private const string FileName = "spool.log";

    private readonly string _path;
    private readonly long _maxBytes;
    private readonly Lock _lock = new();
    private readonly List<Entry> _entries = [];
    private SafeFileHandle _file;
    private long _length;
    private long _liveBytes;
    private long _nextSequence;

    private ReportSpool(string path, long maxBytes, string id, SafeFileHandle file) => (_path, _maxBytes, Id, _file) = (path, maxBytes, id, file);

    /// <summary>Random per spool.</summary>
    public string Id { get; }

    public int Count
    {
        get
        {
            lock (_lock)
                return _entries.Count;
        }
    }

    /// <summary>Opens the spool of a folder, or begins one. A torn tail is cut off; a damaged header begins a new spool.</summary>
    public static ReportSpool Open(string folder, long maxBytes = DefaultMaxBytes)
    {
        var path = Path.Combine(folder, FileName);
        var bytes = DurableFile.Read(path) ?? [];
        var header = ReadHeader(bytes, out var offset);
        if (header is null)
        {
            header = new SpoolHeader(SpoolHeader.CurrentSchema, RandomNumberGenerator.GetHexString(32, lowercase: true), 1);
            bytes = HeaderFrame(header);
            DurableFile.Write(path, bytes);
            offset = bytes.Length;
        }
        var spool = new ReportSpool(path, maxBytes, header.SpoolId, OpenForAppend(path)) { _nextSequence = header.NextSequence };
        while (SpoolFrame.TryRead(bytes.AsSpan(offset), out var payload) && ReadEvent(payload) is { } e)
        {
            spool._entries.Add(new Entry(e.Sequence, offset, payload.Length, e.Benchmark is not null));
            spool._nextSequence = Math.Max(spool._nextSequence, e.Sequence + 1);
            offset += SpoolFrame.HeaderBytes + payload.Length;
            spool._liveBytes += SpoolFrame.HeaderBytes + payload.Length;
        }
        RandomAccess.SetLength(spool._file, offset);
        spool._length = offset;
        return spool;
    }

    /// <param name="create">Builds the event from its spool id and sequence.</param>
    /// <returns>The sequence.</returns>
    public long Append(Func<string, long, ReportEvent> create)
    {
        lock (_lock)
        {
            var sequence = _nextSequence;
            var e = create(Id, sequence);
            var frame = SpoolFrame.Write(JsonSerializer.SerializeToUtf8Bytes(e, ContractsJson.Default.ReportEvent));
            if (_liveBytes + frame.Length > _maxBytes)
                Thin(frame.Length);
            RandomAccess.Write(_file, frame, _length);
            RandomAccess.FlushToDisk(_file);
            _entries.Add(new Entry(sequence, _length, frame.Length - SpoolFrame.HeaderBytes, e.Benchmark is not null));
            _nextSequence = sequence + 1;
            _length += frame.Length;
            _liveBytes += frame.Length;
            return sequence;
        }
    }

    /// <summary>The oldest events, in order.</summary>
    /// <param name="maxEvents">At most this many.</param>
    /// <param name="maxBytes">At most this many bytes, but at least one event.</param>
    public IReadOnlyList<ReportEvent> Oldest(int maxEvents, int maxBytes)
    {
        lock (_lock)
        {
            List<ReportEvent> events = [];
            var bytes = 0;
            foreach (var entry in _entries)
            {
                bytes += entry.PayloadBytes;
                if (events.Count == maxEvents || (events.Count > 0 && bytes > maxBytes))
                    break;
                if (ReadEvent(Payload(entry)) is { } e)
                    events.Add(e);
            }
            return events;
        }
    }

    /// <summary>Drops the events up to and including <paramref name="sequence"/>: the database holds them.</summary>
    public void Acknowledge(string spoolId, long sequence)
    {
        lock (_lock)
        {
            if (spoolId != Id)
                return;
            var dropped = _entries.RemoveAll(e => e.Sequence <= sequence);
            if (dropped == 0)
                return;
            _liveBytes = _entries.Sum(e => (long)e.PayloadBytes + SpoolFrame.HeaderBytes);
            // The file is rewritten when most of it is dead. What a crash before that brings back is sent again.
            if (_entries.Count == 0 || _length > 2 * _liveBytes + 4096)
                Rewrite();
        }
    }

    public void Dispose() => _file.Dispose();

    /// <summary>Drops the oldest benchmarks until there is room for <paramref name="bytes"/> more and a quarter of the spool besides.</summary>
    private void Thin(int bytes)
    {
        var excess = _liveBytes + bytes - _maxBytes * 3 / 4;
        var dropped = false;
        for (var i = 0; i < _entries.Count && excess > 0;)
        {
            if (!_entries[i].IsBenchmark)
            {
                i++;
                continue;
            }
            excess -= _entries[i].PayloadBytes + SpoolFrame.HeaderBytes;
            _entries.RemoveAt(i);
            dropped = true;
        }
        if (dropped)
            Rewrite();
    }

    private void Rewrite()
    {
        using var content = new MemoryStream();
        content.Write(HeaderFrame(new SpoolHeader(SpoolHeader.CurrentSchema, Id, _nextSequence)));
        for (var i = 0; i < _entries.Count; i++)
        {
            var entry = _entries[i];
            _entries[i] = entry with { Offset = content.Length };
            content.Write(SpoolFrame.Write(Payload(entry)));
        }
        DurableFile.Write(_path, content.GetBuffer().AsSpan(0, (int)content.Length));
        _file.Dispose();
        _file = OpenForAppend(_path);
        _length = content.Length;
        _liveBytes = _entries.Sum(e => (long)e.PayloadBytes + SpoolFrame.HeaderBytes);
    }

    private byte[] Payload(Entry entry)
    {
        var payload = new byte[entry.PayloadBytes];
        RandomAccess.Read(_file, payload, entry.Offset + SpoolFrame.HeaderBytes);
        return payload;
    }

    private static SafeFileHandle OpenForAppend(string path) => File.OpenHandle(path, FileMode.Open, FileAccess.ReadWrite, FileShare.Read);

    private static byte[] HeaderFrame(SpoolHeader header) => SpoolFrame.Write(JsonSerializer.SerializeToUtf8Bytes(header, DeviceJson.Default.SpoolHeader));

    private static SpoolHeader? ReadHeader(ReadOnlySpan<byte> bytes, out int offset)
    {
        offset = 0;
        if (!SpoolFrame.TryRead(bytes, out var payload))
            return null;
        offset = SpoolFrame.HeaderBytes + payload.Length;
        try
        {
            return JsonSerializer.Deserialize(payload, DeviceJson.Default.SpoolHeader) is { Schema: SpoolHeader.CurrentSchema } header ? header : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }

    private static ReportEvent? ReadEvent(ReadOnlySpan<byte> payload)
    {
        try
        {
            return JsonSerializer.Deserialize(payload, ContractsJson.Default.ReportEvent);
        }
        catch (JsonException)
        {
            return null;
        }
    }

    private readonly record struct Entry(long Sequence, long Offset, int PayloadBytes, bool IsBenchmark);
}
