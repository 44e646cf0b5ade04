namespace EdgeAgent.Compression.Family;

/// <summary>A student that a profile gets.</summary>
/// <param name="Shape">Position in the family's shapes.</param>
/// <param name="Reason">What binds its width there, and why it has its kind of blocks.</param>
public sealed record PlannedStudent(int Shape, string Reason);

/// <summary>Which students a family has, and which of them each profile gets.</summary>
/// <param name="Shapes">Distinct shapes, largest first.</param>
/// <param name="ByProfile">For each profile, its students, largest first.</param>
public sealed record FamilyPlan(IReadOnlyList<StudentShape> Shapes, IReadOnlyDictionary<string, IReadOnlyList<PlannedStudent>> ByProfile);

/// <summary>Who could take a place in a profile's family.</summary>
/// <param name="PredictedUs">Latency in int8 on the profile, one thread.</param>
/// <param name="Fits">Whether it is within the profile's budgets; where none is, the narrowest stands here.</param>
/// <param name="Bound">What its width is bound by, in words.</param>
public sealed record RungCandidate(StudentShape Shape, ShapeCost Cost, double PredictedUs, bool Fits, string Bound);

/// <summary>A size on a profile's ladder, and who could take it.</summary>
/// <param name="Mobile">Null where there are none to choose from.</param>
/// <param name="Ruled">The kind that the cost model or the user decided for; null where only training can tell.</param>
/// <param name="Ruling">Why that kind; empty where there is nothing to choose.</param>
public sealed record Rung(string Profile, RungCandidate? Sliced, RungCandidate? Mobile, BlockKind? Ruled, string Ruling)
{
    public RungCandidate Of(BlockKind blocks) => (blocks == BlockKind.Mobile ? Mobile : Sliced)!;
}
