using System.IO.MemoryMappedFiles;

namespace EdgeAgent.Int8.Plan;

/// <summary>
/// A validated plan: what an engine executes. Immutable and safe for concurrent use; executors copy what they need at
/// their construction, so it may be disposed once they exist.
/// </summary>
public sealed unsafe class PlanModel : IDisposable
{
    private readonly byte[]? _array;
    private readonly MemoryMappedFile? _file;
    private readonly MemoryMappedViewAccessor? _view;
    private readonly byte* _mapped;
    private readonly int _length;
    private readonly int _constants;
    private bool _disposed;

    private PlanModel(byte[] bytes)
    {
        _array = bytes;
        _length = bytes.Length;
        (Name, Tensors, Steps, OutputTensor, _constants, Operators) = Validated(bytes);
    }

    private PlanModel(string path)
    {
        try
        {
            using var stream = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read);
            if (stream.Length is < PlanFormat.HeaderLength or > int.MaxValue)
                throw new PlanFormatException($"plan: this is not a plan file ({stream.Length} bytes)");
            _length = (int)stream.Length;
            _file = MemoryMappedFile.CreateFromFile(stream, null, 0, MemoryMappedFileAccess.Read, HandleInheritability.None, leaveOpen: false);
            _view = _file.CreateViewAccessor(0, _length, MemoryMappedFileAccess.Read);
            _view.SafeMemoryMappedViewHandle.AcquirePointer(ref _mapped);
            (Name, Tensors, Steps, OutputTensor, _constants, Operators) = Validated(new(_mapped, _length));
        }
        catch (PlanFormatException e)
        {
            Dispose();
            throw new PlanFormatException($"{path}: {e.Message}");
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>The name the builder gave it.</summary>
    public string Name { get; }

    /// <summary>All activation tensors; indices are those the builder returned.</summary>
    public IReadOnlyList<PlanTensor> Tensors { get; }

    /// <summary>The operators in the order of execution, with their costs.</summary>
    public IReadOnlyList<OperatorSummary> Operators { get; }

    /// <summary>Shape of the float input, which is given in [C, H, W] order.</summary>
    public PlanShape InputShape => Tensors[Steps[0].Output].Shape;

    /// <summary>Shape of the float output, which is written in [C, H, W] order.</summary>
    public PlanShape OutputShape => Tensors[OutputTensor].Shape;

    /// <summary>Multiply-accumulates for one sample.</summary>
    public long Macs
    {
        get
        {
            var macs = 0L;
            foreach (var op in Operators)
                macs += op.Macs;
            return macs;
        }
    }

    /// <summary>Size of the plan in bytes.</summary>
    public int PlanBytes => _length;

    internal IReadOnlyList<PlanOperator> Steps { get; }

    internal int OutputTensor { get; }

    /// <summary>Validates a plan in memory, which must not be changed afterwards.</summary>
    /// <exception cref="PlanFormatException">The bytes are not a sound plan.</exception>
    public static PlanModel Load(byte[] plan) => new(plan);

    /// <summary>Maps a plan file into memory and validates it. The file must not be changed while the model is in use.</summary>
    /// <exception cref="PlanFormatException">The file is not a sound plan.</exception>
    /// <exception cref="IOException">The file cannot be read.</exception>
    public static PlanModel Load(string path) => new(path);

    internal ReadOnlySpan<byte> Bytes(Constant constant)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        var bytes = _array is null ? new ReadOnlySpan<byte>(_mapped, _length) : _array;
        return bytes.Slice(_constants + constant.Offset, constant.Length);
    }

    public void Dispose()
    {
        if (_disposed)
            return;
        _disposed = true;
        if (_mapped != null)
            _view!.SafeMemoryMappedViewHandle.ReleasePointer();
        _view?.Dispose();
        _file?.Dispose();
    }

    private static (string, PlanTensor[], PlanOperator[], int, int, OperatorSummary[]) Validated(ReadOnlySpan<byte> bytes)
    {
        var parsed = PlanParser.Parse(bytes);
        PlanValidator.Check(parsed, bytes[parsed.ConstantsOffset..]);
        var summaries = Array.ConvertAll(parsed.Operators, o => OperatorSummary.Of(o, parsed.Tensors));
        return (parsed.Name, parsed.Tensors, parsed.Operators, parsed.Output, parsed.ConstantsOffset, summaries);
    }
}
