using EdgeAgent.Compression.Teacher;
using EdgeAgent.Graph.Ir;
using TorchSharp;
using Tensor = TorchSharp.torch.Tensor;

namespace EdgeAgent.Compression.Family;

/// <summary>A tensor that training changes.</summary>
/// <param name="Decays">Whether weight decay applies: to weights, not to biases and norms.</param>
public sealed record TrainedTensor(string Name, Tensor Value, bool Decays);

/// <summary>
/// The weights of a family. Students of the same kind of blocks share one set, of which each uses the leading part
/// (<see cref="WeightSet"/>); kinds share nothing, since their layers have other parameters.
/// </summary>
public sealed class StudentWeights : IDisposable
{
    private readonly WeightSet[] _sets;
    private readonly (WeightSet Set, int Position)[] _places;

    /// <param name="master">The widest model, channels ordered by importance, a batch-norm behind each convolution.</param>
    /// <param name="students">All of one kind.</param>
    public StudentWeights(GraphSpec master, IReadOnlyList<ChannelGroup> groups, IReadOnlyList<StudentShape> students)
        : this(_ => new SliceableModel(master, groups), students)
    {
    }

    /// <param name="masters">For each kind, its widest model, as above.</param>
    public StudentWeights(Func<BlockKind, SliceableModel> masters, IReadOnlyList<StudentShape> students)
    {
        BlockKind[] kinds = [.. students.Select(s => s.Blocks).Distinct().Order()];
        _sets = [.. kinds.Select(kind => new WeightSet(masters(kind), [.. students.Where(s => s.Blocks == kind)], kind == BlockKind.Mobile ? "mobile/" : ""))];
        Students = students;
        _places = [.. students.Select((s, i) => (_sets[Array.IndexOf(kinds, s.Blocks)], students.Take(i).Count(before => before.Blocks == s.Blocks)))];
        Graphs = [.. _places.Select(p => p.Set.Graphs[p.Position])];
        Trained = [.. _sets.SelectMany(s => s.Trained)];
    }

    public IReadOnlyList<StudentShape> Students { get; }

    /// <summary>Each student's graph; its constants are the initial numbers.</summary>
    public IReadOnlyList<GraphSpec> Graphs { get; }

    public IReadOnlyList<TrainedTensor> Trained { get; }

    /// <summary>Everything that has to be saved: what is trained, and the norms' running statistics.</summary>
    public IEnumerable<(string Name, Tensor Value)> State => _sets.SelectMany(s => s.State);

    /// <summary>What of <see cref="State"/> a training of <paramref name="trained"/> does not move.</summary>
    public IEnumerable<(string Name, Tensor Value)> StateBeside(IEnumerable<TrainedTensor> trained)
    {
        var names = trained.Select(t => t.Name).ToHashSet();
        return State.Where(s => !names.Contains(s.Name));
    }

    /// <summary>The numbers of one student, as views that pass gradients on to the weights that it shares.</summary>
    public ParameterLookup Student(int student) => _places[student].Set.Student(_places[student].Position);

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
        foreach (var set in _sets)
            set.Dispose();
    }
}
