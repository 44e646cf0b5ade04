using EdgeAgent.Compression.Teacher;
using EdgeAgent.Graph.Ir;
using TorchSharp;
using Tensor = TorchSharp.torch.Tensor;

namespace EdgeAgent.Compression.Family;

/// <summary>A tensor that training changes.</summary>
/// <param name="Decays">Whether weight decay applies: to weights, not to biases and norms.</param>
public sealed record TrainedTensor(string Name, Tensor Value, bool Decays);

/// <summary>
/// The weights of students of different widths. At first they share one set: a student's weight is the leading part of the
/// shared one, a view whose gradient adds to it. Batch-norms belong to each student alone, since narrow and wide models have
/// other statistics (Yu et al., "Slimmable Neural Networks", 2019). <see cref="Separated"/> gives each its own of everything.
/// </summary>
public sealed class StudentWeights : IDisposable
{
    private readonly Dictionary<string, Tensor> _shared = [];
    private readonly Dictionary<string, Tensor> _fixed = [];
    private readonly Dictionary<string, Tensor>[] _own;
    private readonly Slice[] _slices;
    private readonly GraphSpec _master;
    private readonly List<TrainedTensor> _trained = [];
    private readonly List<(string Name, Tensor Value)> _statistics = [];

    /// <param name="master">The widest model, channels ordered by importance, a batch-norm behind each convolution.</param>
    public StudentWeights(GraphSpec master, IReadOnlyList<ChannelGroup> groups, IReadOnlyList<StudentShape> students)
    {
        _master = master;
        Students = students;
        _slices = [.. students.Select(s => new Slice(groups, s.Counts))];
        Graphs = [.. _slices.Select(s => s.Apply(master))];
        _own = [.. students.Select(_ => new Dictionary<string, Tensor>())];

        var weights = master.Nodes.SelectMany(WeightsOf).Where(n => master.Constants.GetValueOrDefault(n) is { Type: ElementType.Float32 }).ToHashSet();
        var norms = master.Nodes.Where(n => n.Op is BatchNormalization).SelectMany(n => n.Inputs.Skip(1).Select((name, i) => (name, i))).GroupBy(n => n.name).ToDictionary(g => g.Key, g => g.First().i);
        foreach (var (name, constant) in master.Constants.OrderBy(c => c.Key, StringComparer.Ordinal))
            if (weights.Contains(name))
            {
                _shared[name] = Leaf(constant, trained: true);
                _trained.Add(new(name, _shared[name], constant.Shape.Length > 1));
            }
            else if (!norms.ContainsKey(name) && constant.Type is not (ElementType.UInt8 or ElementType.Int8))
                _fixed[name] = Leaf(constant, trained: false);
        for (var s = 0; s < students.Count; s++)
            foreach (var (name, role) in norms.OrderBy(n => n.Key, StringComparer.Ordinal))
            {
                var trained = role < 2;
                var value = _own[s][name] = Leaf(Graphs[s].Constants[name], trained);
                if (trained)
                    _trained.Add(new($"{s}/{name}", value, false));
                else
                    _statistics.Add(($"{s}/{name}", value));
            }
    }

    /// <summary>Copies: a student then shares its numbers with no other.</summary>
    private StudentWeights(StudentWeights tied)
    {
        (_master, Students, _slices, Graphs) = (tied._master, tied.Students, tied._slices, tied.Graphs);
        _own = [.. Students.Select(_ => new Dictionary<string, Tensor>())];
        using var scope = torch.NewDisposeScope();
        foreach (var (name, value) in tied._fixed)
            _fixed[name] = Copy(value, trained: false);
        for (var s = 0; s < Students.Count; s++)
        {
            foreach (var tensor in tied._trained.Where(t => tied._shared.ContainsKey(t.Name)))
                Keep(s, tensor.Name, tied.Student(s)(tensor.Name), trained: true, tensor.Decays);
            foreach (var (name, value) in tied._own[s].OrderBy(o => o.Key, StringComparer.Ordinal))
                Keep(s, name, value, value.requires_grad, decays: false);
        }

        void Keep(int student, string name, Tensor value, bool trained, bool decays)
        {
            var copy = _own[student][name] = Copy(value, trained);
            if (trained)
                _trained.Add(new($"{student}/{name}", copy, decays));
            else
                _statistics.Add(($"{student}/{name}", copy));
        }

        static Tensor Copy(Tensor value, bool trained)
        {
            var copy = value.detach().clone().DetachFromDisposeScope();
            copy.requires_grad = trained;
            return copy;
        }
    }

    public IReadOnlyList<StudentShape> Students { get; }

    /// <summary>Each student's graph; its constants are the initial numbers.</summary>
    public IReadOnlyList<GraphSpec> Graphs { get; }

    public IReadOnlyList<TrainedTensor> Trained => _trained;

    /// <summary>Everything that has to be saved: what is trained, and the norms' running statistics.</summary>
    public IEnumerable<(string Name, Tensor Value)> State => _trained.Select(t => (t.Name, t.Value)).Concat(_statistics);

    /// <summary>What of <see cref="State"/> a training of <paramref name="trained"/> does not move.</summary>
    public IEnumerable<(string Name, Tensor Value)> StateBeside(IEnumerable<TrainedTensor> trained)
    {
        var names = trained.Select(t => t.Name).ToHashSet();
        return State.Where(s => !names.Contains(s.Name));
    }

    /// <summary>The numbers of one student, as views that pass gradients on to the shared weights.</summary>
    public ParameterLookup Student(int student) => name =>
    {
        if (_own[student].TryGetValue(name, out var own))
            return own;
        var whole = _shared.TryGetValue(name, out var shared) ? shared : _fixed[name];
        for (var axis = 0; axis < whole.dim(); axis++)
            if (_slices[student].Kept(name, axis) is { } kept && kept.Length < whole.shape[axis])
                whole = Part(whole, axis, kept);
        return whole;
    };

    /// <summary>The same students from their present numbers on, each with weights of its own: nothing is shared any more.</summary>
    public StudentWeights Separated() => new(this);

    /// <summary>A student by itself, with copies of its present numbers.</summary>
    public GraphSpec Extract(int student)
    {
        using var scope = torch.NewDisposeScope();
        using var _ = torch.no_grad();
        var lookup = Student(student);
        var graph = Graphs[student];
        return (graph with { Constants = graph.Constants.ToDictionary(c => c.Key, c => c.Value.Type == ElementType.Float32 ? lookup(c.Key).ToIr() : c.Value) }).Verify();
    }

    public void Dispose()
    {
        foreach (var tensor in _shared.Values.Concat(_fixed.Values).Concat(_own.SelectMany(o => o.Values)))
            tensor.Dispose();
    }

    /// <summary>Inputs of a node that training may change, if they are constants.</summary>
    private static IEnumerable<string> WeightsOf(Node node) => node.Op switch
    {
        Conv or Gemm or MatMul or LayerNormalization or RecurrentOperator or PRelu => node.Inputs.Skip(1),
        // An embedding.
        Gather { Axis: 0 } => node.Inputs.Take(1),
        _ => [],
    };

    private static Tensor Leaf(EdgeAgent.Graph.Ir.Tensor constant, bool trained)
    {
        var leaf = constant.ToTorch().DetachFromDisposeScope();
        leaf.requires_grad = trained;
        return leaf;
    }

    /// <summary>Leading positions are a plain view; positions in several runs (behind a concatenation) are views joined together.</summary>
    private static Tensor Part(Tensor whole, int axis, int[] kept)
    {
        var runs = new List<Tensor>();
        for (var start = 0; start < kept.Length;)
        {
            var end = start + 1;
            while (end < kept.Length && kept[end] == kept[end - 1] + 1)
                end++;
            runs.Add(whole.narrow(axis, kept[start], end - start));
            start = end;
        }
        return runs.Count == 1 ? runs[0] : torch.cat(runs.ToArray(), axis);
    }
}
